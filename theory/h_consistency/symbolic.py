"""Symbolic derivation of the published transform, its inverses in closed form, and its series at small regret."""

from __future__ import annotations

from typing import Any

from assay.base import choice

__all__ = ["comp_sum_transform_symbolic", "inverse_transform_symbolic", "transform_series_symbolic"]

_REGIMES = ("below_one", "logistic", "above_one", "mae")


def comp_sum_transform_symbolic(regime: str) -> Any:
    """Derive the published transform T(beta) of ``h_consistency_transform``; return a sympy expression.

    ``regime``: "below_one" (tau < 1), "logistic" (tau = 1), "above_one" (1 < tau < 2), "mae" (tau >= 2). The symbols
    ``beta``, ``tau``, ``n`` are positive.

    Derivation: two classes of probabilities (1 +- beta) / 2 share the softmax 2 s equally, s being 1 / 2 below
    tau = 1 and the least possible for a predicted class, 1 / n, above. The regret is what sharing in the best way
    would gain; from tau = 2 on, what passing s from the predicted class to a best class that has none would gain. The
    logistic case is the limit.

    Raises ``ValueError`` for another regime. Exact. Source: arXiv 2304.07288, Thm 3.1 (numbering unverified).
    """
    import sympy as sp

    choice("regime", regime, _REGIMES)
    beta, tau, n = sp.symbols("beta tau n", positive=True)
    if regime == "mae":
        share = 1 / n
        best, predicted = (1 + beta) / 2, (1 - beta) / 2
        return sp.factor((best - predicted) * share ** (tau - 1) / (tau - 1))
    power_mean = _optimal_power_mean(beta, tau)
    if regime == "logistic":
        # Both prefactors tend to 1 / (tau - 1), and the power mean is 1 at tau = 1.
        return sp.simplify(sp.diff(power_mean, tau).subs(tau, 1))
    share = sp.Rational(1, 2) if regime == "below_one" else 1 / n
    return share ** (tau - 1) / (tau - 1) * (power_mean - 1)


def inverse_transform_symbolic(tau: Any) -> Any:
    """Solve T(beta) = t for beta at tau = 0, 3/2 or 2; return a sympy expression in the positive symbols t, n.

    Raises ``ValueError`` for another tau. Exact, for t up to T(1). Source: derived here.
    """
    import sympy as sp

    regimes = {sp.Integer(0): "below_one", sp.Rational(3, 2): "above_one", sp.Integer(2): "mae"}
    order = choice("tau", sp.nsimplify(tau), regimes)
    beta, symbol, t = sp.symbols("beta tau t", positive=True)
    transform = sp.expand(comp_sum_transform_symbolic(regimes[order]).subs(symbol, order))
    # The two roots of the pair become one, so that a single square root is left to solve.
    equation = sp.powsimp(transform.replace(sp.sqrt(1 - beta), sp.sqrt(1 - beta**2) / sp.sqrt(1 + beta)))
    return sp.simplify(sp.solve(sp.Eq(equation, t), beta)[0])


def transform_series_symbolic() -> tuple[Any, Any]:
    """Return the coefficients of beta^2 and beta^4 in the transform below tau = 1, in the positive symbol tau.

    They hold up to tau = 2 for the exact transform of two classes. Exact. Source: derived here.
    """
    import sympy as sp

    beta = sp.Symbol("beta", positive=True)
    series = sp.series(comp_sum_transform_symbolic("below_one"), beta, 0, 6).removeO()
    return sp.factor(series.coeff(beta, 2)), sp.factor(series.coeff(beta, 4))


def _optimal_power_mean(beta: Any, tau: Any) -> Any:
    """Return what sum p_i S_i^(tau - 1), S_1 + S_2 = 2 s, becomes at its stationary point, relative to S_1 = S_2.

    Stationarity makes p_i S_i^(tau - 2) equal for both classes: S_i is proportional to a power of p_i.
    """
    import sympy as sp

    unknown = sp.Symbol("power")
    power = sp.solve(1 + (tau - 2) * unknown, unknown)[0]
    # With S_i = s (1 +- beta)^power / mean the sum is the mean of (1 +- beta) ((1 +- beta)^power / mean)^(tau - 1).
    exponent = sp.cancel(1 + power * (tau - 1))
    mean = ((1 + beta) ** power + (1 - beta) ** power) / 2
    return sp.powsimp(((1 + beta) ** exponent + (1 - beta) ** exponent) / 2 / mean ** (tau - 1))
