"""Symbolic derivations: the recursion, the loss terms, the lazy limit in high dimension, the collapse flow."""

from __future__ import annotations

from typing import Any

from theory.grokking.high_dimension import LazyLimit

__all__ = ["collapse_flow_symbolic", "lazy_limit_symbolic", "loss_terms_symbolic", "recursion_symbolic"]


def recursion_symbolic() -> dict[str, Any]:
    """Derive one step of the statistics from the gradient of the loss; return sympy matrices by name.

    Two weights, two inputs of two features, all symbolic: ``w_ik``, ``x_mk`` and ``y_m`` are real symbols named like
    ``w12``, and ``alpha``, ``epsilon``, ``eta`` positive ones; the output is uncentred.

    - ``mean_weight``, ``second_moment``: the statistics of the weights after a step along their own gradients, from
      differentiating the loss;
    - ``mean_weight_affine``, ``second_moment_affine``: B w_bar - g / alpha and B M B^T - (B w_bar g^T + g w_bar^T B^T)
      / alpha + g g^T / alpha^2 with the statistics before it. The pairs are identical.

    Exact. Setting as in :mod:`theory.grokking.recursion`.
    """
    import sympy as sp

    alpha, epsilon, eta = sp.symbols("alpha epsilon eta", positive=True)
    n_weights, n_features, n_samples = 2, 2, 2
    W = sp.Matrix(2, 2, lambda i, k: sp.Symbol(f"w{i + 1}{k + 1}", real=True))
    X = sp.Matrix(2, 2, lambda m, k: sp.Symbol(f"x{m + 1}{k + 1}", real=True))
    y = sp.Matrix(2, 1, lambda m, _: sp.Symbol(f"y{m + 1}", real=True))
    fields = X * W.T
    output = alpha / n_weights * (fields + epsilon / 2 * fields.applyfunc(lambda h: h**2)) * sp.ones(n_weights, 1)
    residuals = output - y
    loss = (residuals.T * residuals)[0] / n_samples
    step = eta * n_features * n_weights / alpha**2
    after = W - step * W.applyfunc(lambda w: sp.diff(loss, w))

    mean, moment = _statistics(W)
    scale = 2 * eta * n_features / sp.Integer(n_samples)
    g = scale * X.T * residuals
    B = sp.eye(2) - epsilon / alpha * scale * X.T * sp.diag(*residuals) * X
    cross = B * mean * g.T
    stepped, second = _statistics(after)
    return {
        "mean_weight": stepped,
        "second_moment": second,
        "mean_weight_affine": B * mean - g / alpha,
        "second_moment_affine": B * moment * B.T - (cross + cross.T) / alpha + g * g.T / alpha**2,
    }


def _statistics(weights: Any) -> tuple[Any, Any]:
    import sympy as sp

    rows = weights.rows
    return weights.T * sp.ones(rows, 1) / rows, weights.T * weights / rows


def loss_terms_symbolic() -> dict[str, Any]:
    """Derive the three terms of the test loss from the moments of two normal inputs; return sympy expressions by name.

    The error is v . x + x^T S x / 2 + c_0 / 2 with real symbols ``v1 v2``, ``s11 s12 s22`` and ``c_0``, and x normal of
    variance 1/2 per entry (d = 2).

    - ``test_loss``: the mean square; ``cross``: the mean product of linear and even part, 0; ``linear``: the mean
      square of the linear part; ``variance``: the squared mean; ``misalignment``: the variance of the even part;
    - ``*_closed``: (tr S / (2 d) + c_0 / 2)^2, |S|_F^2 / (2 d^2) and |v|^2 / d, identical to them.

    Exact. Source: arXiv 2310.06110 (numbering unverified).
    """
    import sympy as sp

    d = 2
    x, v = sp.Matrix(sp.symbols("x1 x2", real=True)), sp.Matrix(sp.symbols("v1 v2", real=True))
    s11, s12, s22, offset = sp.symbols("s11 s12 s22 c_0", real=True)
    S = sp.Matrix([[s11, s12], [s12, s22]])
    linear = (v.T * x)[0]
    even = (x.T * S * x)[0] / 2 + offset / 2

    def expectation(polynomial: Any) -> Any:
        terms = sp.Poly(sp.expand(polynomial), *x).terms()
        return sum(factor * sp.prod(_normal_moment(k) / sp.sqrt(d) ** k for k in powers) for powers, factor in terms)

    mean = expectation(even)
    return {
        "test_loss": sp.expand(expectation((linear + even) ** 2)),
        "cross": sp.expand(expectation(linear * even)),
        "linear": sp.factor(expectation(linear**2)),
        "variance": sp.factor(mean**2),
        "misalignment": sp.factor(expectation(even**2) - mean**2),
        "linear_closed": (v.T * v)[0] / d,
        "variance_closed": (S.trace() / (2 * d) + offset / 2) ** 2,
        "misalignment_closed": (S * S).trace() / (2 * d**2),
    }


def _normal_moment(power: int) -> Any:
    """Return E z^power of a standard normal variable."""
    import sympy as sp

    return sp.factorial2(power - 1) if power % 2 == 0 else sp.Integer(0)


def lazy_limit_symbolic() -> LazyLimit:
    """Derive the lazy limit in high dimension; the fields are sympy expressions in ``delta``, ``epsilon``, ``c_0``.

    The self-consistent equation of the Marchenko-Pastur law is solved for the resolvent m and differentiated, the
    sample resolvent follows from the count of eigenvalues, the learnt constant from the rank-one part of the kernel,
    and the slopes from the moments of the target. ``delta`` and ``epsilon`` are positive, ``c_0`` real.

    Asymptotic; setting and statement as in :func:`theory.grokking.lazy_highdim_limit`.
    """
    import sympy as sp

    delta, epsilon, ridge = sp.symbols("delta epsilon lambda", positive=True)
    m, u, offset, learnt = sp.symbols("m u c_0 c", real=True)
    # m = 1 / (lambda + delta / (1 + m)): a feature meets delta samples, each damped by 1 + m.
    equation = sp.numer(sp.together(m * (ridge + delta / (1 + m)) - 1))
    slope = -sp.diff(equation, ridge) / sp.diff(equation, m)
    # The roots multiply to -1 / lambda: one is positive for all arguments.
    resolvent = next(root for root in sp.solve(equation, m) if root.subs({delta: 1, ridge: 1}) > 0)
    # X X^T has the eigenvalues of X^T X and n - d zeros.
    samples = sp.simplify(((delta - 1) / ridge + resolvent) / delta)
    factor = sp.simplify((m + ridge * slope).subs(m, resolvent))

    def expectation(polynomial: Any) -> Any:
        terms = sp.Poly(polynomial, u).terms()
        return sum(part * _normal_moment(powers[0]) for powers, part in terms)

    label = (u**2 - offset) / 2
    # a = (X X^T + lambda)^{-1} (y - c 1), and the constant learnt is (lambda / d) 1 . a.
    balance = sp.Eq(learnt, ridge * delta * samples * expectation(label - learnt))
    constant = sp.simplify(sp.solve(balance, learnt)[0])
    # alpha (M - I) = 2 epsilon X^T diag(a) X, read along the target and on average.
    growth = 2 * epsilon * delta * samples
    values = {
        "test_loss": expectation((label - learnt) ** 2) * (1 + factor),
        "feature_resolvent": resolvent,
        "sample_resolvent": samples,
        "constant": constant,
        "variance_factor": factor,
        "overlap_slope": growth * expectation((label - learnt) * u**2),
        "trace_slope": growth * expectation(label - learnt),
    }
    return LazyLimit(**{name: value.subs(learnt, constant).subs(ridge, epsilon**2) for name, value in values.items()})


def collapse_flow_symbolic() -> tuple[Any, Any]:
    """Derive the gap flow and the time to collapse; return sympy expressions (gap, time).

    ``gap`` solves dz/dt = s / (1 + e^z) from z_0, in the positive symbols ``t``, ``s`` and the real ``z_0``; ``time``
    is when it reaches p ln 2, in the positive symbol ``p``. Exact. See :func:`theory.grokking.softmax_collapse_time`.
    """
    import sympy as sp

    t, s, precision, total = sp.symbols("t s p C", positive=True)
    z, start = sp.symbols("z z_0", real=True)
    # Separated: (1 + e^z) dz = s dt.
    travelled = sp.integrate(1 + sp.exp(z), (z, start, z))
    time = sp.expand_log(sp.simplify(travelled.subs(z, precision * sp.log(2)))) / s
    implicit = sp.exp(z) + z
    gap = sp.solve(implicit - total, z)[0].subs(total, implicit.subs(z, start) + s * t)
    return gap, time
