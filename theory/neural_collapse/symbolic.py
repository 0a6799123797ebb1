"""Symbolic derivations of the scalar equation, of its threshold, and of the response near collapse."""

from __future__ import annotations

from typing import Any

from theory.neural_collapse.perturbation import ProximityFactors

__all__ = ["collapse_threshold_symbolic", "fit_equation_symbolic", "proximity_factors_symbolic"]


def fit_equation_symbolic() -> Any:
    """Derive the equation of the fit; return ``sympy.Eq((1 - tau) tau^((M-1)/(M+1)), beta)`` in positive symbols.

    The objective of one mode is minimised over its M + 1 factors at a fixed product, and the rest is differentiated.
    Exact. Source: arXiv 2301.00437 (numbering unverified).
    """
    import sympy as sp

    tau, beta = sp.symbols("tau beta", positive=True)
    stationary = sp.solve(sp.diff(_scalar_objective(), tau), beta)[0]
    return sp.Eq(sp.powsimp(sp.simplify(stationary)), beta)


def collapse_threshold_symbolic() -> tuple[Any, Any]:
    """Derive where the nonzero fit stops being the global minimiser; return sympy (tau_c, beta_c) in positive M.

    The stationary value is eliminated between the equation of the fit and equality with the objective at zero. Exact.
    Source: arXiv 2301.00437 (numbering unverified).
    """
    import sympy as sp

    tau, beta = sp.symbols("tau beta", positive=True)
    objective, stationary = _scalar_objective(), fit_equation_symbolic().lhs
    # The zero of the difference at tau = 0 itself is not looked for: tau is positive.
    excess = sp.simplify(objective.subs(beta, stationary) - objective.subs(beta, 0).subs(tau, 0))
    fit = sp.solve(sp.factor(excess), tau)[0]
    return fit, sp.simplify(stationary.subs(tau, fit))


def _scalar_objective() -> Any:
    """Return (1 - tau)^2 + (M + 1) beta tau^(2/(M + 1)), derived from the objective of one mode."""
    import sympy as sp

    tau, beta, depth, size, total, c, sigma = sp.symbols("tau beta M n N c sigma", positive=True)
    n_factors = depth + 1
    # Energies ridge s^2 of the factors have the product c^L sigma^2; their sum is least where all are equal.
    energy = sp.powsimp(sp.expand_power_base(sp.powdenest((c**n_factors * sigma**2) ** (1 / n_factors))))
    cost = (sigma - sp.sqrt(size)) ** 2 / (2 * total) + n_factors * energy / 2
    scaled = (2 * total / size * cost).subs(sigma, sp.sqrt(size) * tau)
    scaled = scaled.subs(c, beta * size ** (depth / n_factors) / total)
    return sp.simplify(sp.powsimp(sp.expand_power_base(sp.expand(scaled))))


def proximity_factors_symbolic() -> ProximityFactors:
    """Derive the response factors of :func:`proximity_factors` from the linearised equations of the minimiser.

    The fields are sympy expressions in the positive symbols ``h`` (scale), ``w`` (scale of the classifier), ``mu``
    (proximity), ``lambda_W`` (weight ridge) and ``alpha`` (input scale); ``scale`` is h itself, ``classifier_scale``
    is w solved for in h. Exact. Source: arXiv 2210.16658 (numbering unverified); the derivation is this project's.
    """
    import sympy as sp

    h, w, mu, ridge, alpha = sp.symbols("h w mu lambda_W alpha", positive=True)
    a, c, part = sp.symbols("a c part")
    classifier_scale = sp.solve((w * h - 1) * h + ridge * w, w)[0]
    # The centre's own equation w (w h - 1) + mu (h - alpha) = 0 eliminates mu where alpha is wanted.
    centre = sp.solve(w * (w * h - 1) + mu * (h - alpha), mu)[0]

    def response(sign: int) -> Any:
        """Factor of a mean component with transpose ``sign`` times itself: features a, classifier c, per ``part``."""
        # (W H - Y) H^T + ridge W = 0 and W^T (W H - Y) + mu (H - H_0) = 0, per class, to first order.
        first = (w * a + h * c) * h + (w * h - 1) * sign * a + ridge * c
        second = sign * c * (w * h - 1) + w * (w * a + h * c) + mu * (a - part)
        return sp.solve([first, second], [a, c])[a] / part

    def within(projected: int) -> Any:
        """Factor of a deviation from the class mean, which moves no classifier to first order."""
        return sp.solve(projected * w**2 * a + mu * (a - part), a)[0] / part

    symmetric = response(1).subs(w, classifier_scale)
    rotation = sp.simplify(response(-1).subs(mu, centre).subs(w, classifier_scale))
    return ProximityFactors(
        scale=h,
        classifier_scale=classifier_scale,
        within_parallel=sp.factor(within(1)),
        within_orthogonal=sp.simplify(within(0)),
        mean_symmetric=sp.factor(symmetric),
        mean_rotation=rotation,
    )
