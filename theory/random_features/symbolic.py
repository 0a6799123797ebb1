"""Symbolic derivations behind the random-feature eigenframework and its power-law consequences."""

from __future__ import annotations

from typing import Any

__all__ = ["rf_eigenframework_symbolic"]


def rf_eigenframework_symbolic() -> dict[str, Any]:
    """Derive the working formulas of the eigenframework from the published ones; return sympy expressions by name.

    All symbols are positive and named ``n, k, delta, gamma`` (samples, features, ridge, implicit constant), ``z, q``
    (sums of L and L^2), ``lambda`` (an eigenvalue), ``sigma2`` (noise), ``tau2`` (prior variance over eigenvalue),
    ``M, c, rho`` (isotropic spectrum: modes, eigenvalue, target power), ``alpha, beta, s, x`` (power laws: exponents,
    slack, n_features / n_samples). A pair ``name`` and ``name_published`` are two forms of one quantity.

    - ``kappa``, ``ridge``: the pair of equations solved for them, in gamma and z.
    - ``ridge_log_slope``: d log ridge / d log gamma by the chain rule; ``ridge_log_slope_factored``: D / ((k-z)(n-z)).
    - ``bias_term``, ``denominator``: per-mode bias and 1 / overfitting factor; ``fitting_ratio``: train over test.
    - ``*_slope_in_samples``, ``*_slope_in_features``: derivatives at fixed gamma of ridge (positive), feature term
      eta, bias term and inflation 1 - denominator (negative): the proof that more is better at the best ridge.
    - ``peak``: limit of sqrt(delta) times the overfitting factor at n = k and vanishing ridge.
    - ``matched_prior_test_error``, ``matched_prior_slope``: infinite width, squared coefficients tau2 * eigenvalue, and
      its derivative in the ridge; ``matched_prior_optimal_ridge``: where that vanishes.
    - ``isotropic_test_error_few_samples``, ``isotropic_test_error_few_features``: ridge 0, n < k and k < n.
    - ``power_law_relative_risk``, ``power_law_finite_width_relative_risk``: test error over E_0 at slack s;
      ``power_law_stationarity``: whose root is the best slack; ``power_law_noise_threshold``,
      ``power_law_finite_width_noise_threshold``: relative noise at which slack 0 is stationary.

    Exact. Source: arXiv 2311.14646 (numbering unverified); the finite-width power-law forms are derived here.
    """
    return {**_fixed_point(), **_risk(), **_matched_prior(), **_isotropic(), **_power_laws()}


def _symbols(names: str) -> Any:
    import sympy as sp

    return sp.symbols(names, positive=True)


def _fixed_point() -> dict[str, Any]:
    import sympy as sp

    n, k, delta, gamma, z, q, unknown = _symbols("n k delta gamma z q kappa")
    kappa = sp.solve(sp.Eq(k, z + k * unknown / gamma), unknown)[0]
    ridge = sp.solve(sp.Eq(n, z + delta / kappa), delta)[0]
    # Every mode obeys gamma dL/dgamma = -L (1 - L), hence gamma dz/dgamma = -(z - q).
    log_slope = (gamma * sp.diff(ridge, gamma) - (z - q) * sp.diff(ridge, z)) / ridge
    determinant = (n - q) * (k - q) - (z - q) ** 2
    return {
        "kappa": kappa,
        "ridge": sp.factor(ridge),
        "ridge_log_slope": log_slope,
        "ridge_log_slope_factored": determinant / ((k - z) * (n - z)),
    }


def _risk() -> dict[str, Any]:
    import sympy as sp

    n, k, delta, gamma, z, q, lam = _symbols("n k delta gamma z q lambda")
    kappa, ridge = gamma * (1 - z / k), gamma * (1 - z / k) * (n - z)
    learnability = lam / (lam + gamma)
    eta = (z - q) / (k - q)
    bias = (1 - learnability) ** 2 + learnability * (1 - learnability) * eta
    inflation = (q + (z - q) * eta) / n
    # At n = k the slack n - z is sqrt(delta n / gamma) for any ridge; gamma and the spread z - q stay finite.
    spread = sp.Symbol("w", positive=True)
    slack = sp.sqrt(delta * n / gamma)
    factor = n / (slack + slack * spread / (spread + slack))
    return {
        "eta": eta,
        "bias_term": bias,
        "bias_term_published": gamma / (lam + gamma) - kappa * lam / (lam + gamma) ** 2 * k / (k - q),
        "denominator": 1 - inflation,
        "denominator_published": 1 - (q * (k - 2 * z) + z**2) / (n * (k - q)),
        "fitting_ratio": (1 - z / n) ** 2,
        "fitting_ratio_published": sp.cancel((ridge / (n * kappa)) ** 2),
        "ridge_slope_in_samples": sp.factor(sp.diff(ridge, n)),
        "ridge_slope_in_features": sp.factor(sp.diff(ridge, k)),
        "eta_slope_in_features": sp.factor(sp.diff(eta, k)),
        "bias_term_slope_in_features": sp.factor(sp.diff(bias, k)),
        "inflation_slope_in_samples": -inflation / n,
        "inflation_slope_in_features": sp.factor(sp.diff(inflation, k)),
        "peak": sp.limit(sp.sqrt(delta) * factor, delta, 0, "+"),
    }


def _matched_prior() -> dict[str, Any]:
    import sympy as sp

    n, delta, kappa, q, sigma2, tau2 = _symbols("n delta kappa q sigma2 tau2")
    # Infinite width: delta = kappa (n - z), and sum lam (1 - L)^2 = kappa (z - q).
    learned = n - delta / kappa
    published = (tau2 * kappa * (learned - q) + sigma2) / (1 - q / n)
    closed = tau2 * n * kappa + n * (sigma2 - tau2 * delta) / (n - q)
    # d delta / d kappa = n - q makes kappa and, through it, q functions of the ridge.
    q_slope = sp.Symbol("q_slope", real=True)
    slope = sp.diff(closed, delta) + sp.diff(closed, kappa) / (n - q) + sp.diff(closed, q) * q_slope
    optimum = sp.solve(sp.factor(slope), delta)
    return {
        "matched_prior_test_error": closed,
        "matched_prior_test_error_published": published,
        "matched_prior_slope": sp.factor(slope),
        "matched_prior_optimal_ridge": optimum[0],
    }


def _isotropic() -> dict[str, Any]:
    import sympy as sp

    n, k, modes, c, rho, sigma2, gamma, z, q = _symbols("n k M c rho sigma2 gamma z q")
    parts = _risk()
    errors = {}
    for name, learned in (("few_samples", n), ("few_features", k)):
        solved = sp.solve(sp.Eq(learned, modes * c / (c + gamma)), gamma)[0]
        at = {sp.Symbol("lambda", positive=True): c, z: learned, q: learned**2 / modes}
        bias = rho * parts["bias_term"].subs(at).subs(gamma, solved)
        errors[f"isotropic_test_error_{name}"] = sp.factor((bias + sigma2) / parts["denominator"].subs(at))
    return errors


def _power_laws() -> dict[str, Any]:
    import sympy as sp

    alpha, beta, sigma2, s, x = _symbols("alpha beta sigma2 s x")
    t = (beta - 1) / alpha
    # In units of n_samples: z = 1 - s, z - q = z / alpha; in units of E_0 the bias is z^(1 - beta) / alpha.
    learned = 1 - s
    bias = learned ** (1 - beta) / alpha
    wide = (bias + sigma2) / (s + learned / alpha)
    eta = learned / alpha / (x - (1 - 1 / alpha) * learned)
    finite = (bias * (1 + eta * t / (1 - t)) + sigma2) / (s + eta * (x - learned))
    # Minus the derivative of the error, up to the positive factor (1 - s)^beta / (s + (1 - s) / alpha)^2.
    numerator, denominator = bias + sigma2, s + learned / alpha
    stationarity = sp.diff(denominator, s) * numerator - denominator * sp.diff(numerator, s)
    u = sp.Symbol("u", positive=True)
    reduced = sp.factor(sp.powsimp(sp.expand(alpha**2 * u**beta * stationarity.subs(s, 1 - u))))
    threshold = sp.solve(sp.diff(wide, s).subs(s, 0), sigma2)[0]
    finite_threshold = sp.solve(sp.numer(sp.together(sp.diff(finite, s).subs(s, 0))), sigma2)[0]
    return {
        "power_law_relative_risk": wide,
        "power_law_finite_width_relative_risk": finite,
        "power_law_stationarity": reduced.subs(u, learned),
        "power_law_noise_threshold": sp.factor(threshold),
        "power_law_finite_width_noise_threshold": sp.factor(finite_threshold),
    }
