"""Symbolic derivations: the cost of a neuron, two closed forms, the constant of the random-direction gap."""

from __future__ import annotations

from typing import Any

__all__ = [
    "neuron_rescaling_symbolic",
    "random_feature_gap_symbolic",
    "spline_two_points_symbolic",
    "whitened_optimum_symbolic",
]


def neuron_rescaling_symbolic() -> Any:
    """Derive the least weight decay of a neuron over its scalings (t u, alpha / t); return sympy beta |alpha| ||u||.

    In the positive symbols ``beta``, ``alpha`` (for |alpha|) and ``u`` (for ||u||). Exact.
    """
    import sympy as sp

    beta, alpha, u, t = sp.symbols("beta alpha u t", positive=True)
    decay = beta / 2 * (t**2 * u**2 + alpha**2 / t**2)
    (balanced,) = sp.solve(sp.diff(decay, t), t)  # the only stationary point; the decay is infinite at both ends
    return sp.simplify(decay.subs(t, balanced))


def whitened_optimum_symbolic() -> Any:
    """Derive the active part of the whitened optimum, min over p of 1/2 ||p - y||^2 + beta ||p|| for q = ||y|| > beta.

    Returns sympy beta q - beta^2 / 2 in the positive symbols ``beta`` and ``q``. Exact.
    """
    import sympy as sp

    beta, q, shrinkage = sp.symbols("beta q shrinkage", positive=True)
    y = sp.Matrix(sp.symbols("y1 y2", positive=True))  # two coordinates show the vector condition; q fixes the second
    fit = shrinkage * y
    length = shrinkage * q
    # p - y + beta p / ||p|| = 0, coordinate by coordinate: both are solved by the same shrinkage.
    roots = {sp.simplify(root) for part in fit - y + beta * fit / length for root in sp.solve(part, shrinkage)}
    (root,) = roots
    value = ((fit - y).dot(fit - y) / 2 + beta * length).subs(shrinkage, root).subs(y[1], sp.sqrt(q**2 - y[0] ** 2))
    return sp.expand(sp.simplify(value))


def spline_two_points_symbolic() -> Any:
    """Derive the optimum of a spline network on two points while the fitted difference is not zero.

    Returns sympy beta Delta / h - beta^2 / h^2 in the positive symbols ``beta``, ``h`` (spacing) and ``Delta`` (for the
    absolute difference of the targets), valid for Delta > 2 beta / h. Exact.
    """
    import sympy as sp

    beta, h, difference, slope, bend = sp.symbols("beta h Delta s bend", positive=True)
    first, second, y = sp.symbols("v1 v2 y1", real=True)
    # The end slopes differ from the slope s by bends of total size b towards zero, where max(b, |2 s - b|) is least
    # when both are equal.
    (total_bend,) = sp.solve(bend - (2 * slope - bend), bend)
    gauge = total_bend.subs(slope, (second - first) / h)
    objective = (first - y) ** 2 / 2 + (second - y - difference) ** 2 / 2 + beta * gauge
    fit = sp.solve([sp.diff(objective, first), sp.diff(objective, second)], [first, second])
    return sp.expand(sp.simplify(objective.subs(fit)))


def random_feature_gap_symbolic() -> Any:
    """Derive the limit of N^2 E[gap] of N uniform directions in the plane, X = I_2 and positive targets.

    Returns sympy pi^2 beta (s - beta) (2 s - beta) / s in the positive symbols ``beta`` and ``s``, valid for s > beta.
    The lasso over the nearest direction on each side of the targets is expanded to second order in their angles, which
    are independent and exponential of mean 2 pi / N. Asymptotic.
    """
    import sympy as sp

    beta, s, a, b, eta, x = sp.symbols("beta s a b eta x", positive=True)
    ratio = sp.symbols("kappa", positive=True)
    cosine = sp.series(sp.cos(x), x, 0, 6).removeO()  # the gap is of order eta^2, after division by eta^2

    def leading(value: Any) -> Any:
        return sp.factor(sp.cancel(value / eta**2).subs(eta, 0))

    # Unit atoms at angles -eta a and eta b from the targets, which have length s; correlations beyond beta.
    first, second = (s * cosine.subs(x, eta * angle) - beta for angle in (a, b))
    overlap = cosine.subs(x, eta * (a + b))
    energy = (first**2 - 2 * overlap * first * second + second**2) / (1 - overlap**2)
    optimum = beta * s - beta**2 / 2
    one = leading(s**2 / 2 - first**2 / 2 - optimum)
    two = leading(s**2 / 2 - energy / 2 - optimum)
    # The farther atom, at b, leaves the fit where its weight vanishes.
    (farthest,) = (root / a for root in sp.solve(leading(second - overlap * first), b))
    # Exponentials a < b of mean 1, twice for the order: b = ratio a integrates to a rational function of the ratio,
    # since the gap is homogeneous of degree 2.
    weight = sp.integrate(2 * a**3 * sp.exp(-a * (1 + ratio)), (a, 0, sp.oo))
    near = sp.integrate(sp.factor(two.subs(b, ratio * a) / a**2) * weight, (ratio, 1, farthest))
    far = sp.integrate(one / a**2 * weight, (ratio, farthest, sp.oo))
    return sp.factor(sp.simplify(4 * sp.pi**2 * (near + far)))
