"""Training over sampled activation patterns: how often one more helps, and when the global optimum is reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binom

from assay import agreement, bound, claim, curve, figure
from figures.convex_relu import sampling_drawings
from figures.convex_relu._problems import MEDIUM, SETTING, problem_data, reference
from figures.convex_relu._recovery import recovery_checks, simulate_coverage
from figures.convex_relu._sampling import (
    drawn_sets,
    nested_optima,
    sampled_program_law,
    swapped_size,
    unsampled_share,
    upper_limit,
)
from figures.convex_relu.papers import GLOBAL_OPTIMIZATION
from simulations.convex_relu import simulate_pattern_violation
from theory.convex_relu import (
    pattern_sample_bound,
    pattern_sample_exact,
    solve_convex_program,
    whitened_recovery_probability,
)

PLANAR = reference(6, 2, 0.1)
FEATURES, TARGETS = problem_data(PLANAR["n_samples"], PLANAR["n_features"])
REGULARISATION = PLANAR["regularisation"]
N_SAMPLES = len(TARGETS)
LEVELS, FAILURES = np.array([0.4, 0.2, 0.1, 0.05]), np.array([0.5, 0.1, 0.02])
ONE_SIGN = 8  # whitened targets of one sign: each pattern has measure 2^-8, and one of them is needed


@claim(
    "convex_relu.5",
    paper=GLOBAL_OPTIMIZATION,
    label="Theorem 2.2 (numbering unverified), and sharper laws",
    nature="bound",
    status="beyond",
    evidence="proved",
    statement="As we understand the theorem, after so many sampled patterns one more lowers the optimum with "
    "probability above eps with probability at most delta: eps is the violation level, delta the failure probability, "
    "and not the other way round. Sharper: a binomial tail bounds it, E V has an exact leave-one-out form, and "
    "reaching the global optimum, with whitened data, is another matter: its exact probability asks for about "
    "2^max(n_+, n_-) patterns.",
    assumptions="Patterns of independent Gaussian directions, repeated ones counted. The law of the global optimum: "
    "X X^T = I, and the parts of either sign of the targets have norms above beta or are empty.",
    formula=r"N \geq \min\left\{\frac{n+1}{\epsilon\delta} - 1,\;\frac{2}{\epsilon}(n + 1 - \log\delta)\right\}"
    r"\;\Rightarrow\; P(V_N > \epsilon) \leq \delta"
    "\n"
    r"P(V_N > \epsilon) \leq \sum_{j<n}\binom{N}{j}\epsilon^j(1-\epsilon)^{N-j},\qquad "
    r"E\,V_N = \frac{E\,S_{N+1}}{N+1} \leq \frac{n}{N+1}"
    "\n"
    r"X X^\top = I:\quad P(p_N = p^\ast) = \left(1 - (1 - 2^{-n_+})^N\right)\left(1 - (1 - 2^{-n_-})^N\right)",
    normalisations=SETTING + " V_N is the probability, given N patterns, that the next lowers the optimum p_N of the "
    "program over them; S_{N+1} counts those of N + 1 whose removal changes it. log is natural.",
    figure=figure("convex_relu.sampled-patterns", sampling_drawings.draw_sampled_patterns),
)
def sampled_patterns(run: Any) -> Iterator[Any]:
    law = run.compute(sampled_program_law, run.grid(quick=[dict(regularisation=REGULARISATION)]), features=FEATURES,
                      targets=TARGETS)  # fmt: skip
    law = {name: values[0] for name, values in law.fields.items()}
    yield from _plane(run, law)
    yield from _optima(run)
    yield from recovery_checks(run)


def _plane(run: Any, law: dict[str, np.ndarray]) -> Iterator[Any]:
    """The violation probability where patterns are arcs of a circle, so that its law is a sum over sets of arcs."""
    counts = run.choose(
        quick={4: 12_800, 8: 12_800, 16: 6_400, 32: 6_400},
        full={1: 128_000, 2: 128_000, 4: 128_000, 8: 128_000, 12: 25_600, 16: 25_600, 24: 25_600, 32: 25_600,
              48: 25_600},
    )  # fmt: skip
    grid = run.grid(quick=dict(n_patterns=list(counts)))
    trials = run.sample(simulate_pattern_violation, grid, features=FEATURES, targets=TARGETS,
                        regularisation=REGULARISATION, n_trials=list(counts.values()), block=64_000)  # fmt: skip
    n_patterns = grid.column("n_patterns")
    chances = drawn_sets(law["measure"], 60)
    violation, optimum = chances @ law["violation"], chances @ law["optimum"]
    support = [counted / (n + 1) for counted, n in zip(trials.support_count, n_patterns, strict=True)]
    mean_support = np.array([shares.mean() for shares in support])
    yield agreement(
        "leave-one-out",
        [one - other for one, other in zip(trials.violation_probability, support, strict=True)],
        0.0,
        unit="absolute",
        precision=run.choose(quick=0.03, full=0.01),
        reason="an identity by exchangeability: nothing is allowed for",
        rivals={
            "S/N for S/(N + 1)": mean_support / n_patterns,
            "all n patterns decisive, n/(N + 1)": N_SAMPLES / (n_patterns + 1) - mean_support,
        },
        at=trials.at(),
    )
    chosen = [index for index, size in enumerate(n_patterns) if size <= 8]
    n = n_patterns[chosen]
    missing = unsampled_share(law["measure"], n)
    yield agreement(
        "violation-probability",
        [np.column_stack([trials.violation_probability[index], support[index]]) for index in chosen],
        violation[n, np.newaxis],
        precision=run.choose(quick=0.06, full=np.where(n < 8, 0.0115, 0.02)[:, np.newaxis]),
        reason="exact: a sum over the sets of patterns that can be drawn",
        rivals={
            "every new pattern helps": missing[:, np.newaxis],
            "n/(N + 1)": (N_SAMPLES / (n + 1))[:, np.newaxis],
            "one draw more": violation[n + 1, np.newaxis],
        },
        at=dict(n_patterns=n[:, np.newaxis], side=np.array(["V", "S/(N + 1)"])),
    )
    least = solve_convex_program(FEATURES, TARGETS, regularisation=REGULARISATION).objective
    chosen = [index for index, size in enumerate(n_patterns) if size <= run.choose(quick=8, full=16)]
    n = n_patterns[chosen]
    yield agreement(
        "mean-optimum",
        [trials.optimum[index] for index in chosen],
        optimum[n],
        precision=run.choose(quick=0.03, full=0.01),
        reason="exact: a sum over the sets of patterns that can be drawn",
        rivals={"the global optimum": least, "one draw more": optimum[n + 1]},
        at=dict(n_patterns=n),
    )
    yield bound(
        "never-below-the-global-optimum",
        [values.min() for values in trials.optimum],
        least,
        upper=False,
        rounding=1e-9,
        tightness=1e-9,
        reason="both optima are certified to 1e-10",
        rivals={"a sampled pattern is always missing: 1e-6 above": least * (1 + 1e-6)},
        at=trials.at(),
    )
    yield bound(
        "decisive-patterns",
        [values.max() for values in trials.support_count],
        N_SAMPLES,
        reason="integers",
        rivals={"at most twice the features": 2 * PLANAR["n_features"]},
        at=trials.at(),
    )
    yield from _sizes(run, trials, n_patterns)
    shown = np.arange(1, 61)
    cumulative = [(chance[order := np.argsort(law["optimum"], kind="stable")].cumsum(), law["optimum"][order])
                  for chance in chances[shown]]  # fmt: skip
    low, high = ([values[np.searchsorted(total, share)] for total, values in cumulative] for share in (0.1, 0.9))
    yield curve("optimum-law", optimum[shown], at=dict(n_patterns=shown, low=low, high=high, global_optimum=least))
    guaranteed = np.minimum.reduce([np.ones(60), (N_SAMPLES + 1) / (0.1 * (shown + 1)),
                                    2 * (N_SAMPLES + 1 - np.log(0.1)) / shown])  # fmt: skip
    exceeded = [_upper_quantile(law["violation"], chance, 0.1) for chance in chances[shown]]
    yield curve("violation-law", violation[shown], at=dict(n_patterns=shown, quantile=exceeded),
                rivals={"n/(N + 1)": N_SAMPLES / (shown + 1), "theorem": guaranteed})  # fmt: skip


def _upper_quantile(values: np.ndarray, chances: np.ndarray, failure: float) -> float:
    """Return the least level that is exceeded with at most this probability."""
    order = np.argsort(values, kind="stable")
    return float(values[order][np.searchsorted(chances[order].cumsum(), 1 - failure)])


def _sizes(run: Any, trials: Any, n_patterns: np.ndarray) -> Iterator[Any]:
    """The numbers of patterns that the levels take, against what the theorem and the binomial tail ask for."""
    limits = np.array([upper_limit((values[:, np.newaxis] > LEVELS).sum(axis=0), len(values))
                       for values in trials.violation_probability])  # fmt: skip
    rows = [(N_SAMPLES, level, failure, _first(n_patterns, limits[:, index] <= failure))
            for index, level in enumerate(LEVELS.tolist()) for failure in FAILURES.tolist()]  # fmt: skip
    rows = [row for row in rows if row[-1]]
    longest = np.unique(np.geomspace(8, 2048, 33).astype(int))
    missed = _missed(run, longest)
    level = 0.999 / 2**ONE_SIGN  # one pattern short of the optimum is a violation of 2^-8 and more
    rows += [(ONE_SIGN, level, failure, _first(longest, upper_limit(*missed) <= failure))
             for failure in FAILURES.tolist()]  # fmt: skip
    n, levels, failures, needed = zip(*rows, strict=True)
    at = dict(n_samples=n, violation_level=levels, failure_probability=failures)
    published, exact, swapped = (
        np.array([size(one, violation_level=level, failure_probability=failure)
                  for one, level, failure in zip(n, levels, failures, strict=True)], dtype=float)
        for size in (pattern_sample_bound, pattern_sample_exact, swapped_size)
    )  # fmt: skip
    for name, sizes in (("published-size-suffices", published), ("binomial-size-suffices", exact)):
        yield bound(
            name,
            needed,
            sizes,
            reason="the needed size is simulated: the first with an upper limit of the frequency below delta",
            rivals={"the two levels swapped": swapped},
            at=at,
        )
    grid = [(n, level, failure) for n in (1, 2, 5, 10, 20, 100) for level in (0.01, 0.1, 0.2, 0.5)
            for failure in (1e-6, 0.01, 0.05, 0.1, 0.5)]  # fmt: skip
    published, exact, swapped, unhalved = (
        np.array([size(n, violation_level=level, failure_probability=failure) for n, level, failure in grid], float)
        for size in (pattern_sample_bound, pattern_sample_exact, swapped_size, _without_two)
    )
    n, levels, failures = zip(*grid, strict=True)
    yield bound(
        "binomial-size-is-smaller",
        exact,
        published,
        reason="integers",
        rivals={"the two levels swapped": swapped, "1/eps for 2/eps": unhalved},
        at=dict(n_samples=n, violation_level=levels, failure_probability=failures),
    )
    sizes, patterns = np.meshgrid(np.arange(1, 9), 2 ** np.arange(8), indexing="ij")
    yield bound(
        "binomial-tail-attained",
        [[1 - whitened_recovery_probability(n, 0, one) for n, one in zip(*row, strict=True)]
         for row in zip(sizes.tolist(), patterns.tolist(), strict=True)],
        binom.cdf(sizes - 1, patterns, 2.0**-sizes),
        unit="absolute",
        tightness=1e-12,
        reason="attained with one sample; whitened targets of one sign, eps = 2^-n",
        rivals={"n - 1 decisive patterns": binom.cdf(sizes - 2, patterns, 2.0**-sizes)},
        at=dict(n_samples=sizes, n_patterns=patterns),
    )  # fmt: skip
    hits, total = missed
    shown = np.unique(np.geomspace(8, 8192, 200).astype(int))
    yield curve("one-sign-simulated", hits / total, at=dict(n_patterns=longest))
    by_mean = (ONE_SIGN + 1) / (level * (shown + 1))
    yield curve(
        "one-sign",
        [1 - whitened_recovery_probability(ONE_SIGN, 0, int(one)) for one in shown],
        at=dict(n_patterns=shown),
        rivals={
            "binomial tail": binom.cdf(ONE_SIGN - 1, shown, level),
            "theorem": np.minimum.reduce([by_mean, np.exp(ONE_SIGN + 1 - level * shown / 2), np.ones(len(shown))]),
            "swapped": np.minimum.reduce([by_mean, 2 * (ONE_SIGN + 1 - np.log(level)) / shown, np.ones(len(shown))]),
        },
    )


def _first(sizes: np.ndarray, small_enough: np.ndarray) -> float:
    """Return the first size from which on it is small enough, 0 if there is none."""
    late = np.flatnonzero(~small_enough)
    start = late[-1] + 1 if len(late) else 0
    return float(sizes[start]) if start < len(sizes) else 0.0


def _without_two(n_samples: int, *, violation_level: float, failure_probability: float) -> float:
    return (n_samples + 1 - np.log(failure_probability)) / violation_level


def _missed(run: Any, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the trials that miss the global optimum of whitened data of one sign with so many patterns."""
    grid = run.grid(quick=[dict(n_positive=ONE_SIGN, n_negative=0)])
    drawn = run.sample(simulate_coverage, grid, n_patterns=int(sizes[-1]), block=8192,
                       n_trials=run.choose(quick=512, full=4096)).values[:, 0]  # fmt: skip
    return (drawn[:, np.newaxis] > sizes).sum(axis=0), np.full(len(sizes), len(drawn))


def _optima(run: Any) -> Iterator[Any]:
    """Nested samples: more patterns never raise the optimum."""
    features, targets = problem_data(MEDIUM["n_samples"], MEDIUM["n_features"])
    sizes = (1, 2, 4, 8, 16, 32, 64, 128, 512)
    grid = run.grid(quick=[dict(seed=run.seed + draw) for draw in range(10)],
                    full=[dict(seed=run.seed + draw) for draw in range(100)])  # fmt: skip
    optima = run.compute(nested_optima, grid, features=features, targets=targets, sizes=sizes,
                         regularisation=MEDIUM["regularisation"]).values  # fmt: skip
    yield bound(
        "never-rises",
        optima[:, 1:],
        optima[:, :-1],
        rounding=1e-9,
        tightness=1e-9,
        reason="each optimum is certified to 1e-10; once the needed patterns are in, it stays",
        rivals={"always falls, by 1e-6": optima[:, :-1] * (1 - 1e-6)},
        at=dict(draw=np.arange(len(grid))[:, np.newaxis], n_patterns=np.array(sizes[1:])),
    )
