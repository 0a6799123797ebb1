"""The mean dynamics of accelerated SGD, and in which eigendirections it beats SGD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from assay import agreement, claim, curve, figure, separation, structure
from figures.accelerated_sgd import momentum_drawings
from figures.accelerated_sgd._configurations import SETTING, trials_for
from figures.accelerated_sgd._headline import ACCELERATED, PLAIN
from figures.accelerated_sgd._mode_instances import crossing_roots, mode_decisions
from figures.accelerated_sgd.papers import ACCELERATED_SGD
from simulations.accelerated_sgd import simulate_tail_average_risk
from theory.accelerated_sgd import (
    acceleration_crossover,
    asgd_scheme,
    complex_eigenvalue_window,
    mean_tail_bias,
    mode_spectral_radius,
    sgd_scheme,
    tail_average_risk_curve,
)

acceleration = figure("accelerated_sgd.acceleration", momentum_drawings.draw_acceleration)

# alpha, beta, gamma, delta; in the last one gamma = delta, and alpha = 1 / (1 + beta) in the first and the last.
PARAMETERS = ((1 / 1.1, 0.1, 0.4, 0.1), (0.95, 0.05, 0.6, 0.15), (0.8, 0.3, 0.2, 0.3), (1 / 1.2, 0.2, 0.25, 0.25))
MODES = np.array([1.5, 1.0, 0.3, 0.1, 0.03, 0.01])
SPECTRUM = np.arange(1.0, 61.0) ** -2  # of the experiment on the total bias
RUN: dict[str, int] = dict(burn_in=500, n_average=500)


@claim(
    "accelerated_sgd.3",
    paper=ACCELERATED_SGD,
    label="bias by eigen-subspaces and its cut-offs, in sharp form",
    nature="exact",
    status="beyond",
    evidence="proved",
    statement="The mean error of accelerated SGD oscillates exactly between two eigenvalues, and contracts faster than "
    "that of SGD with the same short step exactly below a third one between them. At gamma = delta it is SGD. The "
    "crossover is one of the mean: the total bias can be larger than SGD's below it, because gradient noise spreads "
    "errors to other directions.",
    assumptions="Crossover: delta < q <= delta (1 + 3c)/(1 - c), lambda < min(1/delta, 2(1 + c)/(q + c delta)); "
    "window: q >= delta; common start v_0 = w_0. Total bias: Gaussian features, lambda_i = i^-2, d = 60, delta = 0.1, "
    "c = 0.985, q = 0.106, s = N = 500.",
    formula=r"A = [[0,\ 1-\delta\lambda],\ [-c,\ 1+c-q\lambda]],\quad "
    r"\lambda_- = \frac{(1-c)^2}{r^2},\;\; \lambda_+ = \frac{r^2}{q^2},\;\; "
    r"r = \sqrt{q-c\delta} + \sqrt{c(q-\delta)}"
    "\n"
    r"\rho(A) < 1-\delta\lambda \;\Leftrightarrow\; \lambda < \hat\lambda = \frac{1-c}{\delta},\quad "
    r"\lambda_-\leq\hat\lambda\leq\lambda_+"
    "\n"
    r"1-\rho(A) \simeq \eta_e\lambda,\;\; \eta_e = \frac{q-c\delta}{1-c}\quad(\lambda\to 0),\qquad "
    r"N B_i(0,N) \to \frac{1-c+(q-\delta)\lambda_i}{\lambda_i\,(q-c\delta)}",
    normalisations=f"{SETTING} c = alpha (1 - beta), q = alpha delta + (1 - alpha) gamma. B_i(s, N): mean of "
    "w_s .. w_(s+N-1) along eigenvector i, in units of the initial error.",
    figure=acceleration,
)
def mean_dynamics(run: Any) -> Iterator[Any]:
    yield from _decisions(run)
    yield from _biases()
    yield from _total_bias(run)
    values = np.geomspace(3e-4, 3, 400)
    window, at = complex_eigenvalue_window(ACCELERATED), dict(eigenvalue=values)
    marks = dict(lower=window[0], crossover=acceleration_crossover(ACCELERATED), upper=window[1])
    yield curve("contraction", 1 - mode_spectral_radius(values, ACCELERATED), at=at | marks,
                rivals={"SGD": PLAIN.learning_rate * values})  # fmt: skip
    ratio = mean_tail_bias(values, ACCELERATED, **RUN) / mean_tail_bias(values, PLAIN, **RUN)
    yield curve("mean-only", ratio**2, at=at)


def _decisions(run: Any) -> Iterator[Any]:
    """Window, crossover and spectral radius against numerical eigenvalues of random modes."""
    batches = run.grid(quick=dict(batch=[0]), full=dict(batch=list(range(20))))
    shares = run.compute(mode_decisions, batches, n_instances=2500)
    never = dict(precision=1e-9, reason="a share of 2500 random instances: no decision may be wrong", at=shares.at())
    yield structure(
        "crossover",
        shares.crossing,
        **never,
        rivals={"at lambda-": shares.crossing_at_lower, "at lambda+": shares.crossing_at_upper},
    )
    yield structure(
        "order-of-cut-offs",
        shares.misplaced,
        **never,
        rivals={"(1 + c) / delta between them": shares.misplaced_sign},
    )
    yield structure("window", shares.window, **never, rivals={"window of heavy ball": shares.window_of_heavy_ball})
    yield structure(
        "spectral-radius",
        shares.radius,
        precision=1e-11,
        at=shares.at(),
        reason="rounding of eigenvalues that are a relative 1e-3 or more from being double",
        rivals={"sqrt(c), as in heavy ball": shares.radius_root_c},
    )
    places = run.compute(crossing_roots, run.grid(quick=dict(n_schemes=[50]), full=dict(n_schemes=[500])))
    yield agreement(
        "crossing-point",
        places.root[0],
        places.crossover[0],
        estimator="exact",
        precision=1e-10,
        reason="a numerical root of numerical eigenvalues",
        rivals={"lambda-": places.lower[0], "lambda+": places.upper[0]},
    )


def _biases() -> Iterator[Any]:
    """The mean bias against the published algorithm with its three sequences, and in its limits."""
    schemes = [asgd_scheme(alpha=a, beta=b, gamma=g, delta=d) for a, b, g, d in PARAMETERS]
    at = dict(scheme=np.arange(len(schemes))[:, np.newaxis], eigenvalue=MODES)
    sizes = dict(burn_in=5, n_average=40)
    exchanged = [asgd_scheme(alpha=a, beta=b, gamma=d, delta=g) for a, b, g, d in PARAMETERS]
    yield agreement(
        "three-sequences",
        [_three_sequences(*numbers, start=1.0, **sizes) for numbers in PARAMETERS],
        [mean_tail_bias(MODES, scheme, **sizes) for scheme in schemes],
        estimator="exact",
        unit="absolute",
        precision=1e-12,
        reason="rounding over 45 steps",
        rivals={
            "gamma and delta exchanged": [mean_tail_bias(MODES, scheme, **sizes) for scheme in exchanged],
            "SGD with the effective step": [
                mean_tail_bias(MODES, sgd_scheme(scheme.effective_learning_rate), **sizes) for scheme in schemes
            ],
        },
        at=at,
    )
    a, b, g, d = PARAMETERS[-1]
    same, apart = (
        [_three_sequences(a, b, g, d, start=v, **sizes) - mean_tail_bias(MODES, sgd_scheme(d), **sizes)]
        for v in (1.0, 0.5)
    )
    yield structure(
        "sgd-at-equal-steps",
        same,
        precision=1e-12,
        reason="rounding over 45 steps",
        rivals={"a start v_0 half-way to the optimum": apart},
        at=dict(eigenvalue=MODES),
    )
    length = 20000
    delta, c, q = (
        np.array([getattr(scheme, name) for scheme in schemes])[:, np.newaxis]
        for name in ("learning_rate", "momentum", "lookahead_learning_rate")
    )
    yield agreement(
        "averaged-from-the-start",
        length * np.array([mean_tail_bias(MODES, scheme, burn_in=0, n_average=length) for scheme in schemes]),
        (1 - c + (q - delta) * MODES) / (MODES * (q - c * delta)),
        estimator="exact",
        precision=1e-10,
        reason="what is left falls as rho^N, below 1e-20 here; rounding over 20000 steps",
        rivals={"that of SGD with the short step": 1 / (delta * MODES)},
        at=at,
    )
    small = 1e-6
    effective = [scheme.effective_learning_rate for scheme in schemes]
    yield agreement(
        "slow-root",
        [(1 - np.abs(np.linalg.eigvals(_matrix(scheme, small))).max()) / small for scheme in schemes],
        effective,
        estimator="exact",
        allowance=1e-5,
        precision=1e-5,
        reason="next order: relative size eta_e lambda / (1 - c), at most 3e-6; rounding 1e-16 over the gap",
        rivals={"q / (1 - c)": (q / (1 - c))[:, 0], "the short step": delta[:, 0]},
        at=dict(scheme=np.arange(len(schemes))),
    )


def _matrix(scheme: Any, value: float) -> np.ndarray:
    """Return the mean dynamics (w, y) -> (y - delta g, (1 + c) y - c w - q g), g = value y."""
    return np.array([[0.0, 1 - scheme.learning_rate * value],
                     [-scheme.momentum, 1 + scheme.momentum - scheme.lookahead_learning_rate * value]])  # fmt: skip


def _three_sequences(alpha: float, beta: float, gamma: float, delta: float, *, start: float, burn_in: int,
                     n_average: int) -> np.ndarray:  # fmt: skip
    """Run the algorithm as published on the mean, from w = 1 and v = ``start``; return the mean of the iterates."""
    w, v, total = np.ones_like(MODES), np.full_like(MODES, start), np.zeros_like(MODES)
    for t in range(burn_in + n_average):
        total += w if t >= burn_in else 0.0
        y = alpha * w + (1 - alpha) * v
        gradient = MODES * y
        w, v = y - delta * gradient, beta * y + (1 - beta) * v - gamma * gradient
    return total / n_average


def _total_bias(run: Any) -> Iterator[Any]:
    """The bias of averages from an error along one direction, gradient noise included."""
    directions = run.choose(quick=(3,), full=(1, 2, 3, 5, 10, 20, 60))
    precision = run.choose(quick=0.15, full=0.1)
    pairs = [(i, name) for i in directions for name in ("accelerated", "sgd")]
    schemes = {"accelerated": ACCELERATED, "sgd": PLAIN}
    grid = run.grid(quick=[dict(initial_error=np.eye(len(SPECTRUM))[i - 1], scheme=schemes[name]) for i, name in pairs])
    trials = run.sample(simulate_tail_average_risk, grid, eigenvalues=SPECTRUM, burn_in=RUN["burn_in"],
                        record_lengths=[RUN["n_average"]], block=512,
                        n_trials=[trials_for(0.6 if i < 6 else 0.35, precision) for i, _ in pairs])  # fmt: skip
    simulated = [risks[:, 0] for risks in trials.values]
    exact, mean_only, other = np.empty((3, len(pairs)))
    for row, point in enumerate(grid):
        index = pairs[row][0] - 1
        exact[row] = tail_average_risk_curve(SPECTRUM, **point, **RUN)[-1]
        bias = mean_tail_bias(SPECTRUM, point["scheme"], **RUN)[index]
        mean_only[row] = max(0.5 * SPECTRUM[index] * bias**2, 1e-300)
    other = exact.reshape(-1, 2)[:, ::-1].ravel()
    names = np.array([name for _, name in pairs])
    values = SPECTRUM[np.array([i for i, _ in pairs]) - 1]
    yield agreement(
        "total-bias",
        simulated,
        exact,
        precision=precision,
        reason="exact at every size: nothing is allowed for",
        rivals={"mean alone": mean_only, "the other scheme": other},
        at=dict(eigenvalue=values, scheme=names),
    )
    below = pairs.index((3, "accelerated"))
    yield separation(
        "slower-below-the-crossover",
        simulated[below],
        exact[below + 1],
        gap=0.2,
        reason="lambda_3 = 0.111 is below the crossover 0.147, yet the total bias is 1.5 times SGD's",
        rivals={"its own exact value": exact[below]},
        at=dict(eigenvalue=SPECTRUM[2]),
    )
    every = np.arange(len(SPECTRUM))
    lines = {
        name: [tail_average_risk_curve(SPECTRUM, np.eye(len(SPECTRUM))[i], scheme, **RUN)[-1] for i in every]
        for name, scheme in schemes.items()
    }
    yield curve("total", np.divide(lines["accelerated"], lines["sgd"]), at=dict(eigenvalue=SPECTRUM))
