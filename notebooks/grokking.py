# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Grokking: from lazy to rich, and the edge of floating point
#
# To be read beside Kumar, Bordelon, Gershman and Pehlevan, *Grokking as the Transition from Lazy to Rich Training
# Dynamics* (arXiv 2310.06110) and Prieto, Barsbey, Mediano and Birdal, *Grokking at the Edge of Numerical Stability*
# (arXiv 2501.04697). Every number below comes from `theory/` or `simulations/`; `assay show grokking.9` prints the
# statement of a claim, and `make figures` checks all of them.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np
import sympy
from scipy.special import ndtri

import assay
import theory.grokking as predict
from simulations.grokking import (
    float_cross_entropy,
    measure_collapse_gap,
    sample_polynomial_regression,
    simulate_infinite_width_training,
    simulate_logistic_pair,
    simulate_relu_gradients,
    simulate_softmax_collapse,
    train_network,
    train_statistics,
)

try:
    from IPython.display import Math, display
except ImportError:  # run as a plain script
    display, Math = print, str

# %% [markdown]
# ## 1. A network that can be solved
#
# Inputs $x\sim N(0, I_d/d)$, target $y = \frac12[(\beta\cdot x)^2 - c_0]$ with $|\beta|^2 = d$, and a network
# $f(x) = \frac{\alpha}{N}\sum_i \left(h_i + \frac{\varepsilon}{2}h_i^2\right)$, $h_i = w_i\cdot x$, its readouts fixed,
# trained by gradient descent on the squared error. The output scale $\alpha$ is the dial: large values make training
# lazy. Since the activation is quadratic, all neurons feel the same affine map, $w_i \leftarrow B w_i - g/\alpha$, and
# the function depends on their mean $\bar w$ and second moment $M$ alone. So two matrices follow the network, whatever
# its width. For two neurons in two dimensions, with every letter symbolic:

# %%
derived = predict.recursion_symbolic()
for name in ("mean_weight", "second_moment"):
    difference = (derived[name] - derived[f"{name}_affine"]).applyfunc(sympy.expand)
    print(f"{name}: from the gradients minus from the affine map = {list(difference)}")

# %% [markdown]
# ## 2. Network and recursion, side by side
#
# Seven neurons in twenty dimensions, 300 steps. Change `OUTPUT_SCALE`, the width or the sizes, and run again.

# %%
OUTPUT_SCALE, STRENGTH = 2.0, 0.7
WIDTH, N_FEATURES, N_SAMPLES = 7, 20, 60
data = sample_polynomial_regression(N_SAMPLES, N_FEATURES, target_offset=1.0, seed=0)
weights = np.random.default_rng(1).standard_normal((WIDTH, N_FEATURES))
network = dict(output_scale=OUTPUT_SCALE, quadratic_strength=STRENGTH)
descent = network | dict(learning_rate=0.1, n_steps=300)
trained = train_network(data.features, data.labels, data.direction, weights, **descent, target_offset=1.0)
start = dict(mean_weight=weights.mean(axis=0), second_moment=weights.T @ weights / WIDTH)
recursion = predict.statistics_recursion(data.features, data.labels, **descent, **start)
infinite = predict.statistics_recursion(data.features, data.labels, **descent)
print(f"train loss, network against recursion: {np.abs(trained.train_loss - recursion.train_loss).max():.1e}")
print(f"and against the infinite width:        {np.abs(trained.train_loss - infinite.train_loss).max():.1e}")

# %% [markdown]
# ## 3. Three terms of the test loss
#
# Isserlis' theorem gives the loss on fresh inputs without any: a squared mean, a misalignment of the quadratic part, a
# power of the linear part.

# %%
terms = predict.loss_terms_symbolic()
for name in ("variance", "misalignment", "linear"):
    display(Math(rf"\text{{{name}}}:\quad {sympy.latex(terms[name])}"))
    assert sympy.expand(terms[name] - terms[f"{name}_closed"]) == 0

# %% [markdown]
# In a run that groks the linear term comes first: the network memorises with it, to no avail, and lets it go as the
# features turn to the target, which the growing overlap $e^\top M e$ with its direction shows.

# %%
data = sample_polynomial_regression(400, 100, target_offset=1.0, seed=2)
grokking = dict(output_scale=2.0, quadratic_strength=0.5, learning_rate=0.2)
path = train_statistics(data.features, data.labels, data.direction, **grokking, n_steps=300, target_offset=1.0)
print("step   train  variance  misalignment  linear   overlap")
for step in (0, 5, 20, 50, 100, 200, 300):
    variance, misalignment, linear = path.test_terms[step]
    print(f"{step:4d}  {path.train_loss[step]:.4f}    {variance:.4f}        {misalignment:.4f}  {linear:.4f}   "
          f"{path.overlap[step]:7.3f}")  # fmt: skip

# %% [markdown]
# ## 4. Lazy is a ridge on a linear fit
#
# As $\alpha\to\infty$ training is that of a fixed kernel. In high dimension this kernel is
# $XX^\top + \varepsilon^2 I + \frac{\varepsilon^2}{d}11^\top$: of the quadratic part only a ridge and a constant are
# left. The target is even, so a linear fit can memorise it and nothing more. The limit follows from one quadratic
# equation, here solved by the computer:

# %%
lazy = predict.lazy_limit_symbolic()
display(Math(r"m = " + sympy.latex(lazy.feature_resolvent)))
for strength in (0.3, 1.0, 3.0, 30.0):
    limit = predict.lazy_highdim_limit(4.0, quadratic_strength=strength, target_offset=1.0).test_loss
    print(f"epsilon = {strength:4.1f}: test loss {limit:.4f}, predicting the mean 0.5000")

# %% [markdown]
# What surprised us: lazy training is worse than predicting the mean at every ratio of samples and every strength. For
# this target a lazy network cannot grok, however long it trains.

# %% [markdown]
# ## 5. The first features
#
# To first order in $1/\alpha$ the second moment grows by $\frac{2\varepsilon}{\alpha}X^\top\mathrm{diag}(a)X$ with
# $a = K_0^{-1}y$. The dual coefficients of kernel regression weigh a spectral estimator of the target: the memorised
# labels are the features to come.

# %%
data = sample_polynomial_regression(60, 40, target_offset=1.0, seed=3)
setting = dict(quadratic_strength=1.0, learning_rate=0.2, n_steps=300)
regression = predict.lazy_training_path(data.features, data.labels, data.direction, **setting, target_offset=1.0)
for scale in (32.0, 64.0, 128.0, 256.0):
    learnt = predict.statistics_recursion(data.features, data.labels, output_scale=scale, **setting)
    first = predict.first_order_features(
        data.features, regression.dual_coefficients, output_scale=scale, quadratic_strength=1.0
    )
    grown = learnt.second_moment - np.eye(40)
    print(f"alpha = {scale:3.0f}: |M - I| = {np.linalg.norm(grown):.5f}, without the first features "
          f"{np.linalg.norm(grown - first[1]):.6f}")  # fmt: skip

# %% [markdown]
# Doubling $\alpha$ halves the first and quarters the second.
#
# ## 6. Mean-field theory, on one page
#
# With $n, d\to\infty$ at fixed $\delta = n/d$ a sample follows a process of its own. Its preactivations have a common
# mean $m$, a spike $p$ along the planted part of the weights and a bulk of covariance $Q$; the weights answer each of
# the three with a response $R$, and the residuals of all samples act back through self-energies $\Gamma$. With
# $k = 2\eta/\alpha$, $f_m = \Delta(1 + \varepsilon m)$, $f_p = \varepsilon\Delta p$,
#
# $$m = \zeta_m - \tfrac{k}{\delta}R_m f_m,\qquad p = a_e u + \zeta_p - \tfrac{k}{\delta}R_p f_p,\qquad
# Q = L q L^\top,\quad L = (1 + \tfrac{k\varepsilon}{\delta}R_d\,\mathrm{diag}\,\Delta)^{-1},$$
#
# $$R(t+1, s) = R(t, s) - k\sum_{r>s}\Gamma(t, r)R(r, s),\qquad
# \Gamma_m = E\,\frac{\partial f_m(t)}{\partial\zeta_m(s)},\quad \Gamma_d = \varepsilon E\,\Delta L,\qquad
# C = \tfrac{k^2}{\delta}E\,(Rf)(Rf)^\top .$$
#
# Everything is causal: advance all paths by one step, average, extend the two-time functions by a row. Here as it
# stands, every derivative carried forward; `solve_dmft` does the same some twenty times faster.


# %%
def plain_dmft(delta, alpha, eps, eta, tau2, n_steps, n_paths, seed, memory=True):
    """Return the train loss, the response of the mean and its correlation; target offset 1, centred output."""
    n, S, k, k_mem = n_steps + 1, n_paths, 2 * eta / alpha, memory * 2 * eta / alpha / delta
    white = np.random.default_rng(seed).standard_normal((2, n, S))  # drawn once: it correlates the times
    u = ndtri((np.arange(S) + 0.5) / S)  # samples by their projection on the target: quantiles of its law
    x, f, D = np.zeros((2, n, S)), np.zeros((2, n, S)), np.zeros((n, S))  # (m, p), their forces, residual
    H, L, Q = np.zeros((3, n, n, S))
    dx, dD, R = np.zeros((2, 2, n, n, S)), np.zeros((2, n, n, S)), np.zeros((3, n, n))  # by source, then channel
    q, S_d, a, a_e = np.zeros((n, n)), np.zeros((n, n)), np.ones(n), 1.0
    for t in range(n):
        R_d = R[2][: t + 1, :t]
        q[: t + 1, : t + 1] = np.outer(a, a)[: t + 1, : t + 1] + k**2 / delta * R_d @ S_d[:t, :t] @ R_d.T
        x[1, t] = a_e * u
        for channel in range(2 if t else 0):
            pulls = R[channel][1 : t + 1, :t] @ f[channel, :t]
            root = np.linalg.qr(pulls.T / np.sqrt(S), mode="r")  # of their covariance
            zeta = (root[:, -1] * np.sign(np.diag(root))) @ white[channel, :t]
            x[channel, t] += k / np.sqrt(delta) * zeta - k_mem * pulls[-1]
        L[t, t] = 1
        for s in range(t):
            H[t, s] = R[2][t, s] - k_mem * eps * R[2][t, s + 1 : t] @ (D[s + 1 : t] * H[s + 1 : t, s])
            L[t, s] = -k_mem * eps * H[t, s] * D[s]
        for s in range(t + 1):
            Q[t, s] = Q[s, t] = np.sum(L[t, : t + 1] * (q[: t + 1, : t + 1] @ L[s, : t + 1]), axis=0)
        m, p = x[:, t]
        D[t] = alpha * m + alpha * eps / 2 * (Q[t, t] - 1 + m**2 + tau2 * (p**2 - u**2)) - (u**2 - 1) / 2
        f[:, t] = D[t] * (1 + eps * m), eps * D[t] * p
        slopes = np.zeros((3, n))  # the rows of the self-energies
        for source, s in itertools.product(range(2), range(t + 1)):
            r, driven = slice(s, t), dD[source, s:t, s]
            for channel, level in enumerate((1 + eps * x[0], eps * x[1])):
                pull = driven * level[r] + eps * D[r] * dx[source, channel, r, s]
                dx[source, channel, t, s] = (source == channel and s == t) - k_mem * R[channel][t, r] @ pull
            dm, dp = dx[source, :, t, s]
            dQ = -2 * k_mem * eps * np.sum(H[t, r] * Q[r, t] * driven, axis=0)
            dD[source, t, s] = alpha * (1 + eps * m) * dm + alpha * eps / 2 * (dQ + 2 * tau2 * p * dp)
            level = eps * p if source else 1 + eps * m
            slopes[source, s] = np.mean(dD[source, t, s] * level + eps * D[t] * (dp if source else dm))
        slopes[2, : t + 1] = eps * np.mean(D[t] * L[t, : t + 1], axis=1)
        S_d[t, : t + 1] = S_d[: t + 1, t] = eps**2 * np.mean(D[t] * D[: t + 1] * Q[t, : t + 1], axis=1)
        if t < n_steps:
            for channel in range(3):
                R[channel][t + 1, : t + 1] = R[channel][t, : t + 1] - k * slopes[channel] @ R[channel][:, : t + 1]
                R[channel][t + 1, t] = 1
            a[t + 1] = a[t] - k * slopes[2] @ a
            a_e -= k * np.mean(f[1, t] * u)
    pulls = k / np.sqrt(delta) * R[0] @ f[0]
    return np.mean(D**2, axis=1), R[0], pulls @ pulls.T / S


planted = dict(output_scale=1.0, quadratic_strength=0.5, learning_rate=0.1, initial_alignment=0.5, target_offset=1.0)
solved = predict.solve_dmft(3.0, **planted, n_steps=20, n_paths=4000)
train, response, correlation = plain_dmft(3.0, 1.0, 0.5, 0.1, 0.5, 20, 2000, seed=0)
forgetful, _, _ = plain_dmft(3.0, 1.0, 0.5, 0.1, 0.5, 20, 2000, seed=0, memory=False)
print("step  solve_dmft  plain    without memory")
for step in (1, 5, 10, 20):
    print(f"{step:4d}  {solved.train_loss[step]:.4f}      {train[step]:.4f}   {forgetful[step]:.4f}")
print(f"response R_m(20, 0): {solved.response_mean[20, 0]:.4f} and {response[20, 0]:.4f};  "
      f"C_m(20, 20): {solved.correlation_mean[20, 20]:.4f} and {correlation[20, 20]:.4f}")  # fmt: skip

# %% [markdown]
# The few per cent between them are the plain version's sampling. The memory term is not small: a sample is fitted
# because the weights remember having seen it.
#
# ## 7. Mean-field theory over simulation
#
# Forty sets of data at $d = 100$ against the limit: the errors are of order $1/d$. Dashed, the population limit, which
# has no memory because it never sees a sample twice.

# %%
setting = planted | dict(n_steps=40)
simulated = simulate_infinite_width_training(300, 100, **setting, n_trials=40, seed=0)
solved = predict.solve_dmft(3.0, **setting, n_paths=2000)
population = predict.population_path(**setting)
figure, axis = plt.subplots()
for index, (name, curve) in enumerate((("train", simulated.train_loss), ("test", simulated.test_loss))):
    axis.plot(getattr(solved, f"{name}_loss"), color=f"C{index}", label=f"{name}, mean-field theory")
    error = curve.std(axis=0, ddof=1) / np.sqrt(len(curve))
    axis.errorbar(np.arange(41)[::4], curve.mean(axis=0)[::4], yerr=error[::4], fmt="o", color=f"C{index}")
    gaps = 100 * (curve.mean(axis=0) - getattr(solved, f"{name}_loss"))
    print(f"{name}: d (simulation - theory) at steps 5, 10, 20, 40:", np.round(gaps[[5, 10, 20, 40]], 2))
axis.plot(population.loss, "--", color="0.4", label="population")
axis.set(yscale="log", xlabel="step", ylabel="mean squared error")
axis.legend()

# %% [markdown]
# ## 8. The lazier, the longer the wait
#
# First steps with train loss below 0.1 and with test loss below 0.4, by output scale. A threshold that is never
# reached gives `nan`, and so does the gap: no generalisation is not a short wait for it.

# %%
figure, axis = plt.subplots()
for index, scale in enumerate((0.5, 1.0, 2.0, 4.0)):
    run = predict.solve_dmft(4.0, output_scale=scale, quadratic_strength=0.5, learning_rate=0.2, n_steps=120,
                             initial_alignment=0.02, target_offset=1.0, n_paths=1500)  # fmt: skip
    gap = predict.grokking_gap(run.train_loss, run.test_loss, train_threshold=0.1, test_threshold=0.4)
    print(f"alpha = {scale}: train {gap.train_step:g}, test {gap.test_step:g}, gap {gap.gap:g}")
    axis.plot(run.train_loss, "--", color=f"C{index}")
    axis.plot(run.test_loss, color=f"C{index}", label=rf"$\alpha = {scale:g}$")
axis.set(yscale="log", xlabel="step", ylabel="mean squared error")
axis.legend(title="test; dashed: train")

# %% [markdown]
# ## 9. Softmax collapse, to the last bit
#
# The other road to late generalisation is arithmetic. In a format of $p$ bits the sum $1 + e^{-z}$ is exactly 1 from
# $z^* = p\ln 2$ on: the tie $1 + 2^{-p}$ rounds to even. Loss and correct-class gradient are then exactly zero, and
# descent stops. Found by bisection over all numbers of each format:

# %%
for name, bits in (("float16", 11), ("float32", 24), ("float64", 53)):
    measured, threshold = measure_collapse_gap(name), predict.softmax_collapse_gap(name)
    stable = measure_collapse_gap(name, head="stablemax", layout="symmetric")
    losses = float_cross_entropy([threshold * 0.999, threshold * 1.001], name)
    print(f"{name}: measured {measured:.9f}, p ln 2 = {threshold:.9f}; losses around it {losses[0]:.1e}, {losses[1]:g}")
    print(f"         the machine epsilon says {(bits - 1) * np.log(2):.3f}; StableMax {stable:.0f}")

# %% [markdown]
# Descent gets there at a closed time. The flow $\dot z = s\,\sigma(-z)$ separates:

# %%
gap, time = predict.collapse_flow_symbolic()
display(Math(r"z(t) = " + sympy.latex(gap)))
display(Math(r"t^* = " + sympy.latex(time)))

# %% [markdown]
# What surprised us: it collapses an eighth sooner when the softmax is evaluated in the format itself. The sum moves in
# steps of $2^{1-p}$, and the last of them are crossed with too large a gradient.

# %%
for exact in (True, False):
    steps = simulate_softmax_collapse("float16", learning_rate=0.1, exact_gradient=exact)
    predicted = predict.softmax_collapse_time("float16", speed=0.1, quantised=not exact)
    print(f"{'exact' if exact else 'rounded':>7} gradient: {steps} steps, predicted {predicted:.0f}")

# %% [markdown]
# ## 10. Loss without learning, and a gradient that cannot
#
# Without biases a ReLU network of two layers has logits of degree 2 in its weights. By Euler's identity the slope of
# the loss along the weights is twice the mean of $E_p z - z_y$: once all samples are classified, to grow is to descend.

# %%
sample = simulate_relu_gradients(30, 8, 5, 20, head="stablemax", n_trials=1, seed=0)
first = np.vdot(sample.first_weights, sample.first_gradient)
second = np.vdot(sample.second_weights, sample.second_gradient)
gradient = predict.stablemax_cross_entropy_gradient(sample.logits[0], sample.labels[0])
print(f"slopes along the layers {first:.15f} and {second:.15f}")
print(f"mean of z . gradient    {np.sum(sample.logits[0] * gradient) / 30:.15f}")

# %% [markdown]
# The orthogonal gradient leaves this part out. Of two samples it finds the best direction at its norm in a hundred
# steps, at a geometric rate. Descent goes for the direction of maximal margin (angle 0), with an angle like $1/\ln t$.
# What surprised us: they do not go to the same place. The one stops where its circle is lowest, and only a longer
# vector would prefer the margin.

# %%
pair = dict(first_slope=0.8, second_slope=0.3, learning_rate=0.1, n_steps=10**5, start=(0.3, -1.0))
for orthogonal in (True, False):
    path = simulate_logistic_pair(**pair, orthogonal=orthogonal)
    angles = np.arctan2(path[:, 1], path[:, 0])
    print(f"{'orthogonal' if orthogonal else 'plain':>10}: angle", end=" ")
    print(*(f"{angles[step]:.5f} at {step}" for step in (100, 1000, 10**4, 10**5)), sep=", ")
kept = predict.orthogonal_gradient(sample.first_gradient[0], sample.first_weights[0])
print(f"weights . orthogonal gradient = {np.vdot(kept, sample.first_weights[0]):.1e}")

# %% [markdown]
# ## 11. Ask the referee
#
# Where does softmax collapse? The first guess, that $e^{-z}$ must fall below the machine epsilon $2^{1-p}$, is off by
# one bit; judged by the bisections of claim 9 it is rejected, and half of it is right.

# %%
BITS = dict(float16=11, float32=24, float64=53)


def machine_epsilon(dtype, n_before):
    """Return the gap at which the small terms ahead of the 1 add up to the machine epsilon."""
    return (BITS[dtype] - 1) * np.log(2) + np.log(max(n_before, 1))


def half_of_it(dtype, n_before):
    """Return the gap at which they add up to half of it, a tie."""
    return BITS[dtype] * np.log(2) + np.log(max(n_before, 1))


wrong = assay.judge("grokking.9", predicted=machine_epsilon, check="thresholds")
right = assay.judge("grokking.9", predicted=half_of_it, check="thresholds")
print(wrong, right, sep="\n")
assert (wrong.outcome, right.outcome) == ("disagrees", "agrees")
wrong.plot()

# %% [markdown]
# ## Exercises
#
# 1. In section 2, take `WIDTH = 1` and 200 steps. The law is exact; why do the two losses part?
# 2. In section 4, at which strength is the lazy test loss largest? What is learnt as $\varepsilon\to\infty$?
# 3. In `plain_dmft`, draw the innovations anew at every step. Which steps notice, and why not the first three?
# 4. In section 8, plot the gap against $\alpha$ for two values of $\varepsilon$. Does it depend on the product alone?
# 5. Write the formula for the steps to collapse and judge it: `assay.judge(..., check="collapse-time")`.
# 6. Stretch the orthogonal gradient to the length of the gradient (`rescale=True`). Where does the angle settle?
