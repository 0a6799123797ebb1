"""Non-convex training and the convex program with the same minimum: values, networks, and how many neurons it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from assay import agreement, bound, claim, figure, separation, structure
from figures.convex_relu import width_drawings
from figures.convex_relu._optima import (
    columns,
    conic_optima,
    cost,
    data,
    generated_optima,
    least_over_pattern_sets,
    objectives,
    restarts_by_width,
    train,
    wrong_objectives,
)
from figures.convex_relu._problems import GAUSSIAN, MEDIUM, REFERENCES, SETTING, SMALL, Problem
from figures.convex_relu.papers import GLOBAL_OPTIMIZATION
from simulations.convex_relu import solve_by_admm
from theory.convex_relu import (
    TwoLayerNetwork,
    enumerate_arrangements,
    network_objective,
    network_output,
    prune_network,
    recover_network,
    solve_convex_program,
)


@claim(
    "convex_relu.2",
    paper=GLOBAL_OPTIMIZATION,
    label="Theorem 2.1 (numbering unverified)",
    nature="exact",
    evidence="certified",
    statement="The global minimum of a two-layer ReLU network with weight decay, of enough neurons, is the optimum of "
    "a convex program over activation patterns, whose solution is such a network; n neurons are enough.",
    assumptions="All activation patterns of full-dimensional cells; any width for 'never below'. That n neurons "
    "suffice, where n + 1 is published, follows by Caratheodory's argument in the form derived here.",
    formula=r"p^\ast = \min_{v_i,w_i\in K_i}\;\ell\left(\sum_i D_iX(v_i-w_i),\,y\right) + "
    r"\beta\sum_i(\Vert v_i\Vert + \Vert w_i\Vert)"
    "\n"
    r"= \min_{u_j,\alpha_j}\;\ell\left(\sum_j\alpha_j(Xu_j)_+,\,y\right) + "
    r"\frac{\beta}{2}\sum_j(\Vert u_j\Vert^2 + \alpha_j^2)"
    "\n"
    r"v_i\neq 0:\quad u = v_i/\sqrt{\Vert v_i\Vert},\;\;\alpha = \sqrt{\Vert v_i\Vert}"
    r"\qquad w_i\neq 0:\quad u = w_i/\sqrt{\Vert w_i\Vert},\;\;\alpha = -\sqrt{\Vert w_i\Vert}",
    normalisations=SETTING + " Hinge and logistic loss are means over the samples.",
    figure=figure("convex_relu.headline", width_drawings.draw_headline),
)
def convex_reformulation(run: Any) -> Iterator[Any]:
    yield from _trained_networks(run)
    yield from _narrow_networks(run)
    yield from _recovered_networks(run)
    yield from _pruned_networks(run)
    yield from _other_routes(run)


def _trained_networks(run: Any) -> Iterator[Any]:
    """Gradient descent from many starts: never below the optimum, and at the optimum when wide."""
    plan = restarts_by_width(run)
    problems = [problem for problem, _ in plan]
    optimum, wrong = objectives(conic_optima(run, problems)), wrong_objectives(run, problems)
    least, instances = {}, []
    for index, (problem, restarts) in enumerate(plan):
        found = train(run, problem, restarts)
        for width, ends in zip(restarts, found.objective, strict=True):
            least[index, width] = ends.min()
            instances += [(index, width, value) for value in ends]
    which, widths, values = (np.array(column) for column in zip(*instances, strict=True))
    n, d, _, strength = (np.array(column) for column in columns(problems).values())
    yield bound(
        "never-below",
        values,
        optimum[which],
        upper=False,
        rounding=1e-9,
        tightness=1e-6,
        reason="certified gap of the conic solver; the last steps of descent leave 1e-7",
        rivals={name: rival[which] for name, rival in wrong.items()},
        at=dict(n_samples=n[which], n_features=d[which], regularisation=strength[which], width=widths),
    )
    wide = [min(value for (one, width), value in least.items() if one == index and width >= n[index])
            for index in range(len(plan))]  # fmt: skip
    yield agreement(
        "reached-when-wide",
        wide,
        optimum,
        estimator="exact",
        precision=1e-6,
        reason="the last steps of descent leave about 1e-7",
        rivals=wrong,
        at=columns(problems),
    )
    narrow = np.array([[least[index, width] for width in (1, 2, 3)] for index in range(len(plan))])
    yield separation(
        "narrow-networks-stay-above",
        narrow,
        optimum[:, np.newaxis],
        gap=0.01,
        estimator="exact",
        reason="two per cent at width 3 for A(8, 2)",
        rivals={"what they reach": narrow},
        at=dict(n_samples=n[:, np.newaxis], n_features=d[:, np.newaxis], width=np.array([1, 2, 3])),
    )


def _narrow_networks(run: Any) -> Iterator[Any]:
    """The least objective of few neurons, over all sets of patterns, against what descent reaches."""
    cases = run.choose(quick=[(SMALL, width) for width in (1, 2, 3)],
                       full=[(SMALL, width) for width in (1, 2, 3, 4, 5)] + [(MEDIUM, 1), (MEDIUM, 2)])  # fmt: skip
    plan = restarts_by_width(run)
    trained, lower, attained = [], [], []
    for problem, width in cases:
        features, targets = data(problem)
        strength = problem["regularisation"]
        found = run.compute(least_over_pattern_sets, run.grid(quick=[dict(width=width)]), features=features,
                            targets=targets, regularisation=strength)  # fmt: skip
        (solution,) = conic_optima(run, [problem], patterns=found.patterns[0])
        restarts = next(restarts for known, restarts in plan if known == problem)
        trained.append(train(run, problem, restarts).objective[list(restarts).index(width)].min())
        lower.append(solution.objective)
        attained.append(found.n_neurons[0] <= width)
    trained, lower = np.array(trained), np.array(lower)
    optimum = objectives(conic_optima(run, [problem for problem, _ in cases]))
    at = columns([problem for problem, _ in cases]) | dict(width=[width for _, width in cases])
    narrow, exact = np.flatnonzero(lower > (1 + 1e-6) * optimum), np.flatnonzero(attained)
    yield bound(
        "below-every-narrow-network",
        trained[narrow],
        lower[narrow],
        upper=False,
        rounding=1e-9,
        tightness=1e-6,
        reason="certified gap of the conic solver; attained where the best set of patterns needs no more neurons",
        rivals={
            "width does not matter": optimum[narrow],
            "twice the distance from the optimum": (2 * lower - optimum)[narrow],
        },
        at={name: np.array(values)[narrow] for name, values in at.items()},
    )
    yield agreement(
        "least-of-few-neurons",
        trained[exact],
        lower[exact],
        estimator="exact",
        precision=1e-6,
        reason="the last steps of descent leave about 1e-7",
        rivals={"width does not matter": optimum[exact]},
        at={name: np.array(values)[exact] for name, values in at.items()},
    )


def _recovered_networks(run: Any) -> Iterator[Any]:
    """The network of the solution, and the same after pruning: objective, output and number of neurons."""
    problems = run.choose(quick=REFERENCES, full=REFERENCES + GAUSSIAN)
    solutions = conic_optima(run, problems)
    networks = [recover_network(solution) for solution in solutions]
    pruned = [prune_network(data(problem)[0], network) for problem, network in zip(problems, networks, strict=True)]
    optimum, n = objectives(solutions), np.array([problem["n_samples"] for problem in problems])
    gated = conic_optima(run, problems, cone_constraints=False)
    unbalanced = [TwoLayerNetwork(one.hidden_weights * abs(one.output_weights)[:, None], np.sign(one.output_weights))
                  for one in networks]  # fmt: skip
    at = columns(problems)
    yield structure(
        "objective-of-the-network",
        np.stack([_network_objectives(problems, some) / optimum - 1 for some in (networks, pruned)], axis=1),
        precision=1e-9,
        reason="neurons shorter than 1e-7 are left out; certified gap of the conic solver",
        rivals={
            "u = v with output weight 1": (_network_objectives(problems, unbalanced) / optimum - 1)[:, np.newaxis],
            "solution without cones": (
                _network_objectives(problems, [recover_network(one) for one in gated]) / objectives(gated) - 1
            )[:, np.newaxis],
        },
        at={name: np.array(values)[:, np.newaxis] for name, values in at.items()}
        | dict(network=np.array(["recovered", "pruned"])),
    )
    whole = [recover_network(solution, tolerance=1e-10) for solution in solutions]
    without_first = [TwoLayerNetwork(one.hidden_weights[1:], one.output_weights[1:]) for one in whole]
    distances = np.array([
        [np.abs(network_output(data(problem)[0], prune_network(data(problem)[0], one)) - solution.fitted).max()
         for problem, one, solution in zip(problems, some, solutions, strict=True)]
        for some in (whole, without_first)
    ])  # fmt: skip
    yield structure(
        "output-of-the-network",
        distances[0],
        precision=5e-9,
        reason="tens of neurons shorter than 1e-10 are left out, and the others leave their cones by as little",
        controls={"the first neuron left out": distances[1]},
        at=at,
    )
    left, found = ([len(one.output_weights) for one in some] for some in (pruned, networks))
    yield structure(
        "neurons-beyond-n",
        np.maximum(0, left - n),
        precision=1e-9,
        reason="integers",
        rivals={"as many as the solver returns": np.maximum(0, found - n)},
        at=at | dict(neurons=left),
    )


def _network_objectives(problems: Sequence[Problem], networks: Sequence[TwoLayerNetwork]) -> np.ndarray:
    return np.array([network_objective(*data(problem), network, regularisation=problem["regularisation"])
                     for problem, network in zip(problems, networks, strict=True)])  # fmt: skip


def _pruned_networks(run: Any) -> Iterator[Any]:
    """Pruning of wide networks with random weights, far from any optimum."""
    sizes = [(n, d) for n, d in ((4, 2), (8, 3), (12, 4), (20, 3)) for _ in range(run.choose(quick=3, full=15))]
    rng = np.random.default_rng(run.seed)
    counts, moves, costs, kept_costs, resigned = [], [], [], [], []
    for n, d in sizes:
        features = rng.standard_normal((n, d))
        network = TwoLayerNetwork(rng.standard_normal((3 * n, d)), rng.standard_normal(3 * n))
        smaller = prune_network(features, network)
        output = network_output(features, network)
        positive = TwoLayerNetwork(smaller.hidden_weights, np.abs(smaller.output_weights))
        counts.append(len(smaller.output_weights))
        moves.append(np.abs(network_output(features, smaller) - output).max())
        resigned.append(np.abs(network_output(features, positive) - output).max())
        costs.append(cost(network))
        kept_costs.append(cost(smaller))
    n, d = np.array(sizes).T
    at = dict(n_samples=n, n_features=d, draw=np.arange(len(sizes)))
    yield bound(
        "neurons-after-pruning",
        counts,
        n,
        tightness=1e-9,
        reason="integers: the activations of so many random neurons span all of R^n",
        rivals={"d + 1": d + 1, "n + 1, never attained": n + 1},
        at=at,
    )
    yield structure("output-after-pruning", moves, precision=1e-10, reason="rounding of outputs of order ten",
                    rivals={"all output weights positive": resigned}, at=at)  # fmt: skip
    yield bound(
        "cost-after-pruning",
        kept_costs,
        costs,
        reason="every move lowers the sum of |u| |alpha|, or keeps it",
        rivals={"half the cost": 0.5 * np.array(costs)},
        at=at,
    )


def _other_routes(run: Any) -> Iterator[Any]:
    """The optimum by pattern generation for the squared loss, by splitting for the hinge and the logistic loss."""
    problems = run.choose(quick=REFERENCES, full=REFERENCES + GAUSSIAN)
    yield agreement(
        "pattern-generation",
        objectives(generated_optima(run, problems)),
        objectives(conic_optima(run, problems)),
        estimator="exact",
        precision=1e-9,
        reason="certified gaps of both solvers, 1e-10 of the objective for most problems",
        rivals=wrong_objectives(run, problems),
        at=columns(problems),
    )
    cases = [(loss, problem, strength) for loss, strengths in (("hinge", (0.01, 0.05)), ("logistic", (0.05, 0.1)))
             for problem in run.choose(quick=[SMALL], full=[SMALL, MEDIUM]) for strength in strengths]  # fmt: skip
    split, conic, halved = np.empty((3, len(cases)))
    for index, (loss, problem, strength) in enumerate(cases):
        features, targets = data(problem)
        labels, patterns = np.sign(targets), enumerate_arrangements(features)
        given = dict(features=features, targets=labels, patterns=patterns, loss=loss)
        once, twice = (run.grid(quick=[dict(regularisation=value)]) for value in (strength, strength / 2))
        split[index] = run.compute(solve_by_admm, once, tolerance=1e-8, **given).objective[0]
        conic[index], halved[index] = (run.compute(solve_convex_program, grid, **given).objective[0]
                                       for grid in (once, twice))  # fmt: skip
    yield agreement(
        "other-losses",
        split,
        conic,
        estimator="exact",
        precision=2e-8,
        reason="relative gap of 1e-8 at which splitting stops",
        rivals={"half the regularisation": halved},
        at=dict(loss=[loss for loss, *_ in cases], n_samples=[problem["n_samples"] for _, problem, _ in cases],
                regularisation=[strength for *_, strength in cases]),
    )  # fmt: skip
