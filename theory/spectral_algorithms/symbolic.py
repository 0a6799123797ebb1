"""Symbolic derivations behind the loss functionals: one function per theorem, each returning expressions by name.

All symbols are positive unless said otherwise. A pair ``name`` and ``name_closed`` holds two forms of one quantity: as
it comes out of the derivation, and as the numeric functions use it. Exact. Source of the statements: Velikanov, Panov
and Yarotsky, "Generalization error of spectral algorithms", arXiv 2403.11696 (numbering unverified).
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "bayes_profile_symbolic",
    "optimal_profile_symbolic",
    "power_law_optimum_symbolic",
    "resolvent_identity_symbolic",
]


def optimal_profile_symbolic() -> dict[str, Any]:
    """Minimise one term of the Circle loss over h, and show when the minimiser exceeds 1.

    Symbols: ``h``; aliased sums ``lambda_1`` = [lambda], ``lambda_2`` = [lambda^2], ``power`` = [c^2], ``cross`` =
    [lambda c^2]; ``sigma2``, ``N``. For two images: ``x`` in (0, 1), the ratio of their eigenvalues, and ``a`` with
    c^2 = lambda^a; ``p`` (real), the order of a moment.

    - ``term``: the term; ``profile``, ``minimum``: its minimiser and the value there; ``curvature``: d^2 term / dh^2.
    - ``excess``: numerator of profile - 1 without noise for two images, in units of the larger eigenvalue, and
      ``excess_closed`` = (1 - x) (x - x^a): positive, zero or negative as a is above, at or below 1.
    - ``log_moment_curvature``: d^2/dp^2 log (1 + x^p) > 0, the convexity behind any number of images.
    """
    import sympy as sp

    first, second, power, cross, noise, n, h = sp.symbols("lambda_1 lambda_2 power cross sigma2 N h", positive=True)
    term = (power - 2 * h * cross / first + h**2 * second / first**2 * (power + noise / n)) / 2
    profile = sp.solve(sp.diff(term, h), h)[0]
    x, a = sp.symbols("x a", positive=True)
    p = sp.Symbol("p", real=True)
    images = {first: 1 + x, second: 1 + x**2, power: 1 + x**a, cross: 1 + x ** (1 + a), noise: 0}
    excess = sp.numer(sp.together(profile - 1)).subs(images)
    return {
        "term": term,
        "profile": sp.factor(profile),
        "minimum": sp.factor(term.subs(h, profile)),
        "curvature": sp.factor(sp.diff(term, h, 2)),
        "excess": sp.powsimp(sp.expand(sp.cancel(excess / n))),
        "excess_closed": (1 - x) * (x - x**a),
        "log_moment_curvature": sp.factor(sp.diff(sp.log(1 + x**p), p, 2)),
    }


def power_law_optimum_symbolic() -> dict[str, Any]:
    """Derive the constants of the noisy power laws lambda = l^-nu, c^2 = l^(-kappa - 1), and the best threshold.

    Symbols: ``nu``, ``kappa``; ``theta``, the threshold (the ridge, or 1 / time); ``m``, iterations of iterated ridge;
    ``A``, ``B``, the bias and noise coefficients; ``sigma2``, ``N``, ``mu`` (multiplicity).

    - ``ridge_noise``, ``gradient_flow_noise``: int h^2 dl in units of theta^(-1/nu).
    - ``ridge_bias``, ``iterated_ridge_bias``, ``gradient_flow_bias``: int (1 - h)^2 c^2 dl in units of
      theta^(kappa/nu); for kappa < 2 nu, kappa < 2 m nu, and always.
    - ``loss`` = mu/2 [A theta^(kappa/nu) + B sigma2/N theta^(-1/nu)]; ``threshold``: its minimiser; ``minimum``: the
      loss there; ``bias_share``: the part of it that the first term has.
    - ``optimal_constant``: the loss of the best profile over mu/2 (sigma2/N)^(kappa/(kappa + 1)).
    """
    import sympy as sp

    nu, kappa, m, u = sp.symbols("nu kappa m u", positive=True)

    def mellin(function: Any, exponent: Any) -> Any:
        """Return int_0^oo u^(exponent - 1) function(u) du; the caller answers for its convergence."""
        order = sp.Symbol("s", positive=True)
        return sp.integrate(u ** (order - 1) * function, (u, 0, sp.oo), conds="none").subs(order, exponent)

    # With l = (theta u)^(-1/nu) the eigenvalue is theta u, and dl is -(1/nu) theta^(-1/nu) u^(-1/nu - 1) du.
    ridge_noise = mellin((1 + u) ** -2, 2 - 1 / nu) / nu
    iterated_bias = mellin((1 + u) ** (-2 * m), kappa / nu) / nu
    flow_bias = mellin(sp.exp(-2 * u), kappa / nu) / nu
    # (1 - e^-u)^2 u^(-1/nu - 1) does not split into convergent parts before it is integrated by parts.
    flow_noise = mellin(sp.exp(-u), 1 - 1 / nu) * 2 - mellin(sp.exp(-2 * u), 1 - 1 / nu) * 2
    # The best profile leaves 1 / (1 + l^(kappa + 1)) in units of the noise, at u = l^(kappa + 1).
    optimal = mellin((1 + u) ** -1, 1 / (kappa + 1)) / (kappa + 1)

    a, b, theta, noise, n, mu = sp.symbols("A B theta sigma2 N mu", positive=True)
    bias = mu / 2 * a * theta ** (kappa / nu)
    loss = bias + mu / 2 * b * noise / n * theta ** (-1 / nu)
    threshold = sp.solve(sp.diff(loss, theta), theta)[0]
    return {
        "ridge_noise": ridge_noise,
        "ridge_bias": iterated_bias.subs(m, 1),
        "iterated_ridge_bias": iterated_bias,
        "gradient_flow_noise": flow_noise,
        "gradient_flow_bias": flow_bias,
        "optimal_constant": optimal,
        "loss": loss,
        "threshold": threshold,
        "minimum": loss.subs(theta, threshold),
        "bias_share": sp.simplify((bias / loss).subs(theta, threshold)),
    }


def resolvent_identity_symbolic() -> dict[str, Any]:
    """Prove z1 - z2 = -(q1 - q2) (1 - gamma_12), and that the Wishart functional at a ridge profile is the closed form.

    z(q) = -q + (q/N) sum lambda / (lambda + q), gamma_12 = (1/N) sum lambda^2 / ((lambda + q1) (lambda + q2)).
    Symbols: ``N``, ``lambda_1`` to ``lambda_3``, ``q_1``, ``q_2`` (complex); for the functional two modes with
    squared coefficients ``c2_1``, ``c2_2``, and ``kappa``, the effective ridge of ridge = -z(kappa). Integrals around
    the spectrum are minus the residues outside, at q = kappa and at infinity.

    - ``difference``, ``difference_closed``: the two sides for three modes.
    - ``inner``: the integral of h(z1) F(z1, z2) over z1 for h = z / (z + ridge), in ``u_2``, ``w_2``, ``z_2``
      (complex); ``inner_closed`` = w2 + kappa (S(kappa) u2 - w2) / (z2 + ridge).
    - ``linear``, ``quadratic``, ``noise``: int h rho1, int int h h rho2, int h^2 rho_eps; ``linear_closed`` = sum
      c^2 lambda / (lambda + kappa), ``noise_closed`` = gamma / (1 - gamma).
    - ``signal``: |c|^2 - 2 linear + quadratic, twice the loss without noise; ``signal_closed`` = kappa^2 sum c^2 /
      (lambda + kappa)^2 / (1 - gamma).
    """
    import sympy as sp

    n, kappa, *eigenvalues = sp.symbols("N kappa lambda_1:4", positive=True)
    powers = sp.symbols("c2_1:3", positive=True)
    q, q1, q2, u2, w2, z2 = sp.symbols("q q_1 q_2 u_2 w_2 z_2")
    pair = list(zip(powers, eigenvalues[:2], strict=True))

    def z_of(at: Any, values: Any) -> Any:
        return -at + at / n * sum(value / (value + at) for value in values)

    def gamma(at: Any, other: Any, values: Any) -> Any:
        return sum(value**2 / (value + at) / (value + other) for value in values) / n

    def shadow(at: Any) -> Any:
        return sum(power / (value + at) for power, value in pair)

    z = z_of(q, eigenvalues[:2])
    ridge = -z.subs(q, kappa)
    # z + ridge = (q - kappa) times a factor, and S(kappa) - S(q) likewise.
    factor = sp.cancel((z + ridge) / (q - kappa))
    shadow_factor = sp.cancel((shadow(kappa) - shadow(q)) / (q - kappa))

    def around(numerator: Any) -> Any:
        """Return the integral of numerator / (z + ridge) dz around the spectrum; at infinity z = -q + O(1)."""
        top, bottom = (sp.Poly(part, q) for part in sp.fraction(sp.together(numerator)))
        at_infinity = top.LC() / bottom.LC() if top.degree() == bottom.degree() else sp.Integer(0)
        return at_infinity - (numerator / factor * sp.diff(z, q)).subs(q, kappa)

    linear = around(q * shadow(q))
    quadratic = around(q * shadow(q) + kappa * q * shadow_factor / factor)
    at_kappa = gamma(kappa, kappa, eigenvalues[:2])
    return {
        "difference": z_of(q1, eigenvalues) - z_of(q2, eigenvalues),
        "difference_closed": -(q1 - q2) * (1 - gamma(q1, q2, eigenvalues)),
        "inner": around((q * shadow(q) * u2 - q * w2) / (z - z2)),
        "inner_closed": w2 + kappa * (shadow(kappa) * u2 - w2) / (z2 + ridge),
        "linear": linear,
        "linear_closed": sum(power * value / (value + kappa) for power, value in pair),
        "quadratic": quadratic,
        # The pole at kappa is double; nothing is left at infinity.
        "noise": -sp.diff((q + z) / factor**2 * sp.diff(z, q), q).subs(q, kappa),
        "noise_closed": at_kappa / (1 - at_kappa),
        "signal": sum(powers) - 2 * linear + quadratic,
        "signal_closed": kappa**2 * sum(power / (value + kappa) ** 2 for power, value in pair) / (1 - at_kappa),
    }


def bayes_profile_symbolic() -> dict[str, Any]:
    """Show that in both models the best profile for c^2 = tau2 lambda is ridge regression, ridge sigma2 / (N tau2).

    Symbols: ``q``, ``z`` (complex), ``N``, ``sigma2``, ``tau2``, ``lambda`` (an eigenvalue), ``b`` = Im u with
    u = q / lambda on the spectrum, aliased sums ``lambda_1`` = [lambda], ``lambda_2`` = [lambda^2].

    - ``S``: sum c^2 / (lambda + q), from the equation z = -q + (q/N) sum lambda / (lambda + q).
    - ``two_point``: Im w1 Im u2 - Im u1 Im w2, which vanishes; ``linear``, ``local``, ``noise``: the densities.
    - ``wishart_profile``: linear / (local + sigma2 noise); ``circle_profile``: the minimiser of the Circle term;
      ``ridge_profile``: lambda / (lambda + sigma2 / (N tau2)), equal to both.
    - ``loss``: of the Wishart model at ``kappa``, the effective ridge of that ridge: (N tau2 kappa - sigma2) / 2.
    """
    import sympy as sp

    n, noise, tau2, lam, kappa = sp.symbols("N sigma2 tau2 lambda kappa", positive=True)
    q, z, trace = sp.symbols("q z S")
    # S / tau2 is the sum in z(q).
    total = sp.solve(sp.Eq(z, -q + q / n * trace / tau2), trace)[0]
    a, b, a2, b2 = sp.symbols("a b a_2 b_2", real=True)

    def aligned(u: Any) -> Any:
        """Return w = q S / z as a function of u = q / z."""
        return sp.expand((q * total / z).subs(q, u * z))

    u, u2 = a + sp.I * b, a2 + sp.I * b2
    w, w2 = aligned(u), aligned(u2)
    linear = -sp.im(w) / sp.pi
    local = sp.im(sp.expand(w * sp.conjugate(u))) / sp.pi
    density = -b / lam / sp.pi
    first, second = sp.symbols("lambda_1 lambda_2", positive=True)
    circle = optimal_profile_symbolic()["profile"].subs(
        {sp.Symbol("power", positive=True): tau2 * first, sp.Symbol("cross", positive=True): tau2 * second}
    )
    # 2 loss = |c|^2 - int h rho1 = sum c^2 - sum c^2 lambda / (lambda + kappa) = kappa S(kappa).
    at_ridge = {q: kappa, z: -noise / (n * tau2)}
    return {
        "S": sp.factor(total),
        "two_point": sp.expand(sp.im(w) * b2 - b * sp.im(w2)),
        "linear": linear,
        "local": local,
        "noise": density,
        "wishart_profile": sp.factor(linear / (local + noise * density)),
        "circle_profile": sp.factor(circle.subs(first, lam)),
        "ridge_profile": lam / (lam + noise / (n * tau2)),
        "loss": sp.expand((kappa * total).subs(at_ridge)) / 2,
    }
