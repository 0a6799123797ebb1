# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # SGD, with and without momentum, solved exactly
#
# To be read beside Li, Deng, Wu, Zhou and Gu, *Risk Bounds of Accelerated SGD for Overparameterized Linear Regression*
# (arXiv 2311.14222), Zou et al. (arXiv 2103.12692), Jain et al. (arXiv 1704.08227), Bordelon and Pehlevan
# (arXiv 2106.02713) and Paquette et al. (arXiv 2405.15074). Every number below comes from `theory/` or `simulations/`;
# `assay show accelerated_sgd.8` prints the statement of a claim, and `make figures` checks all of them.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp

import assay
import theory.accelerated_sgd as predict
from simulations.accelerated_sgd import (
    simulate_discrete_feature_loss,
    simulate_risk_curve,
    simulate_tail_average_risk,
    simulate_tracking_error,
)

try:
    from IPython.display import Math, display
except ImportError:  # run as a plain script
    display, Math = print, str

# %% [markdown]
# ## 1. One sample, one step: why second moments close
#
# In the eigenbasis of the feature covariance the mean squared errors $c_i$ of one step of SGD need
# $E\,(x\cdot e)^2x_i^2$ alone. For Gaussian features Isserlis splits this into $\lambda_i\,\lambda\cdot c$ and a
# diagonal part $2\lambda_i^2c_i$: no other moments appear, so $d$ numbers suffice.

# %%
step, value, other, first, second = sp.symbols("eta lambda mu e f", positive=True)
z, u = sp.symbols("z u")


def gaussian_mean(expression):
    """Average a polynomial in the independent standard normal z and u."""
    moments = {0: 1, 2: 1, 4: 3}
    terms = sp.Poly(sp.expand(expression), z, u).terms()
    return sum(weight * moments.get(powers[0], 0) * moments.get(powers[1], 0) for powers, weight in terms)


residual = sp.sqrt(value) * z * first + sp.sqrt(other) * u * second  # x . e in two dimensions
moved = gaussian_mean((first - step * sp.sqrt(value) * z * residual) ** 2)
display(Math(r"E\,e'^2 = " + sp.latex(sp.collect(sp.expand(moved), [first**2, second**2], sp.factor))))

# %% [markdown]
# ## 2. Momentum: three numbers for each mode
#
# SGD, Nesterov, heavy ball and accelerated SGD are all $w' = y - \delta g$, $y' = (1+c)\,y - c\,w - q\,g$. The triple
# $a = E\hat w^2$, $b = E\hat w\hat y$, $h = E\hat y^2$ closes, here for a single mode with label noise:

# %%
a, b, h, short, c, q, noise = sp.symbols(r"a b h delta c q \sigma^2", positive=True)
w, y, xi = sp.symbols("w y xi")
gradient = value * z**2 * y - sp.sqrt(value) * z * xi
images = (y - short * gradient, (1 + c) * y - c * w - q * gradient)


def pair(left, right):
    """Return the mean of a product of the new iterates, in terms of a, b, h and the noise variance."""
    product = sp.Poly(sp.expand(gaussian_mean(sp.expand(left * right).subs(xi, 0))), w, y)
    names = {(2, 0): a, (1, 1): b, (0, 2): h}
    mean = sum(weight * names[powers] for powers, weight in product.terms())
    noisy = sp.diff(sp.expand(left * right), xi, 2) / 2
    return sp.expand(mean + noise * gaussian_mean(noisy.subs({w: 0, y: 0})))


injected = value**2 * h + value * (value * h + noise)
claimed = (
    (1 - short * value) ** 2 * h + short**2 * injected,
    (1 - short * value) * ((1 + c - q * value) * h - c * b) + short * q * injected,
    (1 + c - q * value) ** 2 * h - 2 * c * (1 + c - q * value) * b + c**2 * a + q**2 * injected,
)
derived = [pair(images[0], images[0]), pair(*images), pair(images[1], images[1])]
for name, mine, formula in zip(("a'", "b'", "h'"), derived, claimed, strict=True):
    assert sp.expand(mine - formula) == 0
    display(Math(f"{name} = {sp.latex(sp.collect(mine, [a, b, h, noise], sp.factor))}"))

# %% [markdown]
# The recursion against a simulation. Change the scheme and run again.

# %%
eigenvalues, error = 1 / np.arange(1.0, 13.0), np.ones(12)
scheme = predict.asgd_scheme(alpha=0.9, beta=0.1, gamma=0.35, delta=0.12)
records = [1, 10, 60]
exact = predict.risk_curve(eigenvalues, error, scheme, n_steps=60, noise_variance=0.3)
drawn = simulate_risk_curve(eigenvalues, error, scheme, record_steps=records, noise_variance=0.3, n_trials=5000, seed=0)
for t, risks in zip(records, drawn.T, strict=True):
    print(f"t = {t:<3d} exact {exact[t]:.4f}, simulated {risks.mean():.4f} +- {risks.std() / np.sqrt(5000):.4f}")

# %% [markdown]
# ## 3. Learning curves of SGD, and what a batch is worth
#
# For isotropic features the loss is geometric; the best step follows by one derivative.

# %%
m, d = sp.symbols("m d", positive=True)
rate = (1 - step) ** 2 + step**2 * (d + 1) / m
best = sp.solve(sp.diff(rate, step), step)[0]
display(Math(r"\eta^* = " + sp.latex(sp.factor(best)) + r",\quad r^* = " + sp.latex(sp.factor(rate.subs(step, best)))))

# %% [markdown]
# At a fixed number of samples $r^{*\,C/m}$ is least for $m = 1$. With a fixed step that is too long for single samples
# larger batches win:

# %%
index = np.arange(1.0, 61.0)
spectrum, target = index**-1.5, index**-0.5
for rate_used in (0.2, 0.5, 0.8):
    search = predict.optimal_batch_size(
        spectrum, target, learning_rate=rate_used, compute_budget=512, batch_sizes=[1, 2, 4, 8, 16]
    )
    print(f"step {rate_used}: best batch {search.batch_size}, losses", *[f"{loss:.3g}" for loss in search.losses])

# %% [markdown]
# ## 4. What momentum does to one mode
#
# The mean error of a mode follows a two by two matrix. Its eigenvalues are complex inside a window of $\lambda$, and
# the crossover $(1-c)/\delta$ inside that window separates modes that the scheme contracts faster than SGD from those
# that it slows down.

# %%
matrix = sp.Matrix([[0, 1 - short * value], [-c, 1 + c - q * value]])
root = sp.Symbol("x")
polynomial = matrix.charpoly(root).as_expr()
display(Math(r"\mathrm{disc} = " + sp.latex(sp.collect(sp.expand(sp.discriminant(polynomial, root)), value))))
at_sgd = sp.factor(polynomial.subs(root, 1 - short * value))
display(Math(r"\det((1-\delta\lambda) - A) = " + sp.latex(at_sgd)))

window, crossover = predict.complex_eigenvalue_window(scheme), predict.acceleration_crossover(scheme)
grid = np.geomspace(0.02, 8, 300)
figure, axis = plt.subplots()
axis.plot(grid, predict.mode_spectral_radius(grid, scheme), label="accelerated SGD")
axis.plot(grid, np.abs(1 - scheme.learning_rate * grid), label=r"SGD with step $\delta$")
for cut, name in zip((*window, crossover), (r"$\lambda_-$", r"$\lambda_+$", r"$\hat\lambda$"), strict=True):
    axis.axvline(cut, color="0.5", linewidth=0.8, linestyle=":")
    axis.text(cut, 1.02, name, ha="center", transform=axis.get_xaxis_transform())
axis.set(xscale="log", xlabel=r"eigenvalue $\lambda$", ylabel="contraction of the mean error")
axis.legend()
print(f"complex window ({window[0]:.4f}, {window[1]:.4f}), crossover {crossover:.4f}")

# %% [markdown]
# ## 5. The headline experiment, and the honest comparison
#
# 2000 modes $\lambda_i = i^{-2}$, the error in mode 10 alone: the paper's set-up, with parameters of ours. Accelerated
# SGD is a hundred times better than SGD with the same short step $\delta$; SGD with its step tuned is worse by a factor
# of 2.4 only.

# %%
long_index = np.arange(1.0, 2001.0)
steep, one_mode = long_index**-2, np.where(long_index == 10, 10.0, 0.0)
run = dict(burn_in=500, n_average=500, noise_variance=0.01)
fast = predict.overparameterized_asgd_scheme(steep, delta=0.1, gamma=0.9, kappa_tilde=5)
accelerated = predict.tail_average_risk_curve(steep, one_mode, fast, **run)[-1]
plain = {eta: predict.tail_average_risk_curve(steep, one_mode, predict.sgd_scheme(eta), **run)[-1]
         for eta in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}  # fmt: skip
tuned = min(plain, key=plain.__getitem__)
trials = simulate_tail_average_risk(
    steep, one_mode, fast, burn_in=500, record_lengths=[500], noise_variance=0.01, n_trials=24, seed=0
)
print(f"accelerated {accelerated:.3e}, simulated {trials.mean():.3e} +- {trials.std() / np.sqrt(24):.0e}")
print(f"SGD(0.1) {plain[0.1]:.3e}, {plain[0.1] / accelerated:.0f} times as much")
print(f"SGD({tuned}) {plain[tuned]:.3e}, {plain[tuned] / accelerated:.1f} times as much")

# %% [markdown]
# ## 6. Stability: the mass of a kernel
#
# The modes feel one another through the loss alone, so the loss obeys a renewal equation. Second moments stay bounded
# exactly while the kernel has mass $\ell < 1$, and $1/(1-\ell)$ is how much the noise of the gradient amplifies the
# noise of the labels.

# %%
terms = predict.volterra_terms(eigenvalues, error, scheme, n_steps=3000)
print(f"mass {terms.lookahead_kernel.sum():.10f}, closed form {predict.stability_trace(eigenvalues, scheme):.10f}")
hundred = np.arange(1.0, 101.0) ** -1.5
for batch in (1, 4, 16, np.inf):
    critical = predict.critical_learning_rate(hundred, batch_size=batch)
    print(f"batch {batch:<4} largest stable step of SGD {critical:.4f}")

# %% [markdown]
# ## 7. Published bounds: what factor do they lose, and where?
#
# What surprised us: for Gaussian features the exact risk never comes above a quarter of the upper bound, and reaches
# that quarter where the bias of a tiny step is all there is. The lower bound is never closer than a factor of 4.2.

# %%
for n in (1, 10, 100, 1000):
    above = predict.sgd_risk_upper_bound(
        hundred, hundred**0.3, learning_rate=0.1, burn_in=0, n_average=n, noise_variance=0.25
    )
    between = predict.tail_average_risk_curve(
        hundred, hundred**0.3, predict.sgd_scheme(0.1), burn_in=0, n_average=n, noise_variance=0.25
    )[-1]
    print(f"N = {n:<5d} exact risk {between:.4f}, over the upper bound {between / above:.4f}")
flat, tiny = np.ones(200), 1e-6 / 200
above = predict.sgd_risk_upper_bound(flat, flat, learning_rate=tiny, burn_in=0, n_average=1, noise_variance=0.0)
print(f"200 equal modes, tiny step, N = 1: {0.5 * 200 / above:.6f}")

# %% [markdown]
# ## 8. Power laws: when does the published exponent hold?
#
# With $\lambda_k = k^{-b}$ and $\lambda_kw_k^{*2} = k^{-a}$ the mean error alone gives $t^{-(a-1)/b}$, by an integral
# over modes. The noise of the samples is forgotten as $t^{-(2-1/b)}$, which is slower as soon as $a > 2b$.

# %%
k, t, aa, bb = sp.symbols("k t a b", positive=True)
power = (aa - 1) / bb
integral = sp.integrate(root ** (power - 1) * sp.exp(-root), (root, 0, sp.oo), conds="none") / bb
display(Math(r"\int_0^\infty k^{-a}e^{-2\eta tk^{-b}}dk = " + sp.latex(integral) + r"\,(2\eta t)^{-(a-1)/b}"))

for capacity, source in ((2.0, 2.5), (2.0, 6.0), (1.5, 4.5)):
    modes = np.arange(1.0, 5001.0)
    losses = 2 * predict.risk_curve(
        modes**-capacity, modes ** (0.5 * (capacity - source)), predict.sgd_scheme(0.2), n_steps=2000
    )
    slope = -np.log2(losses[2000] / losses[1000])
    predicted = predict.power_law_exponent(capacity=capacity, source=source)
    print(f"b = {capacity}, a = {source}: measured {slope:.3f}, predicted {predicted:.3f}, "
          f"(a-1)/b = {(source - 1) / capacity:.3f}")  # fmt: skip

# %% [markdown]
# ### Ask the referee
#
# The exponent $(a-1)/b$ at every source, as we understand the published statement, judged by the exact losses of
# claim 8; then the smaller of the two.


# %%
def bias_alone(capacity, source):
    """Return the slope of the loss if sampling noise were forgotten at once."""
    return -(source - 1) / capacity


def smaller(capacity, source):
    """Return the slope of the slower of the two terms."""
    return -min((source - 1) / capacity, 2 - 1 / capacity)


wrong = assay.judge("accelerated_sgd.8", predicted=bias_alone, check="exponent")
right = assay.judge("accelerated_sgd.8", predicted=smaller, check="exponent")
print(wrong, right, sep="\n")
assert (wrong.outcome, right.outcome) == ("disagrees", "agrees")
wrong.plot()

# %% [markdown]
# ## 9. A fixed training set
#
# Sampled with replacement, a training set is just another law of the features, with fourth moments of its own. The
# recursion stays closed, now for a $d \times d$ matrix.

# %%
rng = np.random.default_rng(0)
rows, truth = rng.standard_normal((10, 30)), rng.standard_normal(30) / np.sqrt(30)
data = dict(features=rows, targets=rows @ truth, test_covariance=np.eye(30), true_weights=truth)
curve = predict.discrete_feature_curve(**data, learning_rate=0.02, batch_size=1, n_steps=100)
drawn = simulate_discrete_feature_loss(
    **data, learning_rate=0.02, batch_size=1, record_steps=[10, 100], n_trials=20000, seed=0
)
for column, t in enumerate((10, 100)):
    print(f"t = {t:<4d} train loss {curve.train_loss[t]:.5f}, simulated {drawn.train_loss[:, column].mean():.5f}; "
          f"test loss {curve.test_loss[t]:.4f}, simulated {drawn.test_loss[:, column].mean():.4f}")  # fmt: skip

# %% [markdown]
# ## 10. A moving target
#
# The squared error rises with the one before it, so the greedy step is the best one for all later times as well.

# %%
now, drift = sp.symbols("e Delta", positive=True)
later = now * (1 - 2 * step + (1 + (d + 1) / m) * step**2) + step**2 * noise * d / m + drift
greedy = sp.solve(sp.diff(later, step), step)[0]
display(Math(r"\eta_t = " + sp.latex(sp.factor(greedy))))
assert sp.simplify(later.subs(step, greedy) - now * (1 - greedy) - drift) == 0

moves = np.where(np.arange(80) == 40, 3.0, 1e-3)
problem = dict(initial_squared_error=5.0, drift=moves, noise_variance=0.5, batch_size=2)
schedule = predict.tracking_optimal_schedule(20, **problem)
followed = simulate_tracking_error(20, learning_rates=schedule.learning_rates, **problem, n_trials=4000, seed=0)
figure, (left, right_axis) = plt.subplots(1, 2, figsize=(9, 3.6))
left.plot(schedule.learning_rates)
left.set(xlabel="step $t$", ylabel=r"best learning rate $\eta_t$")
right_axis.plot(schedule.squared_errors, label="exact")
right_axis.plot(np.arange(0, 81, 8), followed.mean(axis=0)[::8], "o", label="simulated")
right_axis.set(xlabel="step $t$", ylabel="squared error", yscale="log")
right_axis.legend()
print(f"before and after the jump: step {schedule.learning_rates[40]:.4f}, {schedule.learning_rates[41]:.4f}")

# %% [markdown]
# ## Exercises
#
# 1. Set $\gamma = \delta$ in section 2: why is the run then exactly SGD? Start with $v_0 \neq w_0$ and see it fail.
# 2. Which $\tilde\kappa$ is best in section 5? Scan it with $\gamma$ at its largest allowed value.
# 3. Find the largest ratio of exact risk to upper bound when there is label noise and no bias.
# 4. In section 8, when does the loss for $b = 2$, $a = 6$ leave the steep slope, and how does that depend on $m$?
# 5. Replace the ten samples of section 9 by 60 noisy ones in 20 dimensions. How good is the Gaussian closure now?
# 6. Judge the prefactor without $1/(1-\ell)$: `assay.judge("accelerated_sgd.8", ..., check="prefactor")`.
