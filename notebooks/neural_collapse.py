# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Neural collapse, exactly: where classifiers end, layer by layer
#
# To be read beside Dang, Tran, Osher, Tran-The, Ho and Nguyen, *Neural Collapse in Deep Linear Networks* (arXiv
# 2301.00437), Tirer, Huang and Niles-Weed, *Perturbation Analysis of Neural Collapse* (arXiv 2210.16658) and Kini,
# Vakilian, Behnia, Gill and Thrampoulidis, *Symmetric Neural-Collapse Representations* (arXiv 2306.07960).
# Every number below comes from `theory/` or `simulations/`; `assay show neural_collapse.11` prints the statement of a
# claim, and `make figures` checks all of them.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy

import assay
import theory.neural_collapse as predict
from simulations.neural_collapse import (
    simulate_cross_entropy_training,
    simulate_mse_training,
    simulate_proximity_minimiser,
    simulate_scl_training,
)

try:
    from IPython.display import Math, display
except ImportError:  # run as a plain script
    display, Math = print, str

# %% [markdown]
# ## 1. Free features, and one scalar for each class
#
# Features $H$ are free parameters, seen through $M$ linear layers, everything with a ridge. At fixed product the ridges
# cost a power of its singular values, so that classes decouple: the fit $\tau_k$ of class $k$, the diagonal of
# $W_M\cdots W_1\bar H$, depends on one number, its effective ridge $\beta_k = N c\, n_k^{-M/(M+1)}$. Stationary fits
# solve

# %%
equation = predict.fit_equation_symbolic()
display(Math(sympy.latex(equation)))

# %% [markdown]
# ## 2. One layer: a soft threshold, and classes that vanish
#
# For $M = 1$ the root is $\tau = 1 - \beta$. A class with fewer than $N^2\lambda_W\lambda_H$ samples leaves no trace:
# its mean and its classifier row are zero. Change `SIZES` or the ridges, and run again.

# %%
SIZES = (50, 30, 20, 8)
ridges = dict(weight_ridges=[0.03], feature_ridge=0.03)
threshold = predict.minority_collapse_size(sum(SIZES), **ridges)
geometry = predict.mse_geometry(SIZES, **ridges)
trained = simulate_mse_training(SIZES, **ridges, width=8, n_trials=4)
print(f"classes of fewer than {threshold:.2f} samples collapse")
print("fit, predicted:", np.round(geometry.fit, 10))
print("fit, trained:  ", np.round(np.diag(trained.end_to_end[trained.loss.argmin()]), 10))

# %% [markdown]
# ## 3. Depth makes the transition first order
#
# With two layers or more the fit does not fade out: it jumps to zero. Where the two levels cross follows by
# elimination. Beyond it the larger root lives on as a local minimum, up to the ridge where it disappears.

# %%
fit_at_jump, ridge_at_jump = predict.collapse_threshold_symbolic()
display(Math(r"\tau_c = " + sympy.latex(fit_at_jump) + r",\qquad \beta_c = " + sympy.latex(ridge_at_jump)))
figure, axis = plt.subplots()
for depth in (1, 2, 3, 6):
    limits = predict.collapse_thresholds(depth)
    low = np.linspace(0.001, 1, 200) * limits.global_ridge
    beyond = np.linspace(limits.global_ridge, limits.spinodal_ridge, 50)
    axis.plot(low, predict.collapse_fit(low, n_layers=depth), label=f"M = {depth}", color=f"C{depth % 5}")
    axis.plot(beyond, predict.collapse_fit(beyond, n_layers=depth, branch="stable"), "--", color=f"C{depth % 5}")
axis.set(xlabel=r"effective ridge $\beta$", ylabel=r"fit $\tau$")
axis.legend(title="dashed: metastable")

# %% [markdown]
# ## 4. Every level on which training can end
#
# The local minima form a chain: the $r$ largest classes fitted, the others lost. $K$ classes have at most $K + 1$
# levels, and all runs, from small starts and large ones, must end on them. Here with three layers.

# %%
three = dict(weight_ridges=[2e-3] * 3, feature_ridge=2e-3)
levels = predict.mse_loss_levels(SIZES, **three)
ends = np.concatenate(
    [simulate_mse_training(SIZES, **three, width=6, n_trials=40, init_scale=s).loss for s in (0.1, 0.2, 0.3, 0.6)]
)
nearest = np.abs(ends[:, None] - levels).argmin(axis=1)
for index, level in enumerate(levels):
    print(f"level {level:.12f}: {np.sum(nearest == index):3d} of {len(ends)} runs")
print(f"largest distance of a run to its level: {np.abs(ends - levels[nearest]).max():.1e}")

# %% [markdown]
# ## 5. Lengths of means and weights
#
# The frames are orthogonal, but not of equal lengths. A popular guess, a mean length that falls as $n_k^{-1/2}$, is
# right for vanishing ridges and one layer alone. The exact laws hold at any depth:
# $\|\bar h_k\|^2 = \tau_k(1-\tau_k)/(N\lambda_H)$ and $\|w_k\|^2 = N\lambda_H\,\tau_k/(1-\tau_k)$.

# %%
deep = dict(weight_ridges=[1e-3, 2e-3], feature_ridge=1e-3)
geometry = predict.mse_geometry(SIZES, **deep)
best = simulate_mse_training(SIZES, **deep, width=8, n_trials=10)
gram = best.class_mean_gram[best.loss.argmin()]
total = sum(SIZES)
print(f"{'n_k':>4} {'trained':>12} {'tau(1-tau)/N lambda':>20} {'guess n^-1/2':>14}")
for n, trained_length, fit in zip(SIZES, np.diag(gram), geometry.fit, strict=True):
    exact = fit * (1 - fit) / (total * deep["feature_ridge"])
    print(f"{n:4d} {trained_length:12.9f} {exact:20.9f} {gram[0, 0] * np.sqrt(SIZES[0] / n):14.6f}")

# %% [markdown]
# ## 6. A bias: from the orthonormal to the simplex frame
#
# A free bias takes the mean mode away and leaves a simplex frame; with its own ridge there is a sharp transition, at a
# finite bias ridge, below which the global mean is exactly zero.

# %%
balanced = dict(weight_ridges=[4e-3], feature_ridge=4e-3)
critical = predict.bias_ridge_transition(4, 10, **balanced)
for ratio in (0.5, 0.98, 1.02, 2.0):
    setting = dict(**balanced, bias=True, bias_ridge=ratio * critical)
    run = simulate_mse_training([10] * 4, **setting, width=8, n_trials=4)
    mean = abs(run.class_mean_gram[run.loss.argmin()].mean())
    predicted = abs(predict.mse_geometry([10] * 4, **setting).class_mean_gram.mean())  # rounding has a sign
    print(f"{ratio:4.2f} of the critical ridge: squared global mean {mean:.9f}, predicted {predicted:.9f}")

# %% [markdown]
# ## 7. Cross-entropy: certified for one layer, false at depth
#
# With one layer the simplex frame is the minimum: any logits give a lower bound from the convex dual, and at the
# trained logits the gap closes.

# %%
run = simulate_cross_entropy_training([3] * 4, weight_ridges=[0.02], feature_ridge=0.01, width=5, n_trials=2)
lower = predict.cross_entropy_dual_bound(run.logits[0], [3] * 4, weight_ridge=0.02, feature_ridge=0.01)
print(f"trained loss minus certified lower bound: {run.loss[0] - lower:.1e}")

# %% [markdown]
# With two layers it is not: the ridges now prefer logits of low rank. For six classes three antipodal pairs cost less
# than the best simplex frame, and most random starts find them. (The abstract of arXiv 2301.00437 claims collapse for
# cross-entropy too; as we understand it, this is a counterexample. Garrod and Keating, arXiv 2410.23169, report the
# general effect.)

# %%
setting = dict(weight_ridges=[1e-3, 1e-3], feature_ridge=1e-3)
run = simulate_cross_entropy_training([1] * 6, **setting, width=12, n_trials=20)
for code in ("etf", "cross_polytope"):
    optimum = predict.cross_entropy_code(code, 6, 1, **setting)
    reached = np.sum(np.abs(run.loss - optimum.loss) < 1e-10)
    print(f"{code:<15} rank {optimum.rank}, loss {optimum.loss:.10f}, reached by {reached} of 20 runs")
print("pairs win for more classes than", [f"{predict.etf_class_limit(depth):.2f}" for depth in (2, 3, 4)])

# %% [markdown]
# What surprised us: even for three classes the frame does not live until it collapses. Just before, logits of rank one
# are cheaper.

# %%
setting = dict(weight_ridges=[0.18, 0.18], feature_ridge=0.18)
run = simulate_cross_entropy_training([1] * 3, **setting, width=6, n_trials=20)
frame = predict.cross_entropy_etf(3, 1, **setting)
print(f"frame {frame.loss:.6f}, lowest run {run.loss.min():.6f} with logits of rank {run.rank[run.loss.argmin()]}")

# %% [markdown]
# ## 8. Near collapse: what a perturbation of the features leaves
#
# Features tied to given ones, close to a frame, respond with four factors; each is derived from the linearised system.

# %%
for name, factor in vars(predict.proximity_factors_symbolic()).items():
    display(Math(rf"\text{{{name.replace('_', ' ')}}}:\quad {sympy.latex(factor)}"))

# %% [markdown]
# Within classes no approximation is needed: deviations shrink by $\mu(\mu I + W^T W)^{-1}$ at every critical point.

# %%
generator = np.random.default_rng(0)
labels = np.repeat(np.arange(3), 4)
given = generator.standard_normal((5, 12)) + 2 * np.eye(5)[:, labels]
found = simulate_proximity_minimiser(given, labels, weight_ridge=0.05, proximity=0.4)
shrinkage = predict.within_class_shrinkage(found.classifier, proximity=0.4)
average = np.kron(np.eye(3), np.full((4, 4), 0.25))
left, right = found.features @ (np.eye(12) - average), shrinkage @ given @ (np.eye(12) - average)
print(f"largest difference, far from collapse: {np.abs(left - right).max():.1e}")

# %% [markdown]
# ## 9. Contrastive loss: a ReLU makes imbalance harmless, batches may not
#
# With non-negative features the minimum is an orthonormal frame for any class sizes. Batches can undo it: here classes
# 0 and 1 never meet.

# %%
sizes = (6, 4, 2)
labels = np.repeat(np.arange(3), sizes)
run = simulate_scl_training(labels, n_features=9, n_trials=4)
print(f"trained {run.loss.min():.12f}, bound {predict.scl_lower_bound(sizes):.12f}")
apart = [[0, 1, 2, 3, 4, 5, 10, 11], [6, 7, 8, 9, 10, 11]]
graph = predict.batch_interaction(labels, apart)
run = simulate_scl_training(labels, n_features=9, batches=apart, n_trials=4)
products = np.abs(run.gram[:, labels == 0][:, :, labels == 1]).max(axis=(1, 2))
print(f"forced to be a frame: {graph.unique_frame}; largest product of classes 0 and 1: {products.max():.3f}")
step = predict.scl_step_geometry(2, 2, 40, 4)
print(f"without ReLU, sizes 40, 40, 4, 4: cosines of majority {step.majority_cosine:.4f}, minority "
      f"{step.minority_cosine:.4f}, across {step.cross_cosine:.4f}")  # fmt: skip

# %% [markdown]
# ## 10. Ask the referee
#
# A formula of your own for the margin of one-layer cross-entropy, judged by the trained models of claim 10. To forget
# that a class does not compete with itself is rejected; the right formula is accepted.


# %%
def all_compete(n_classes, n_per_class, ridge_mean):
    """Return the margin with K competitors."""
    return np.log(max(1 / (ridge_mean * np.sqrt(n_per_class)) - n_classes, 1))


def others_compete(n_classes, n_per_class, ridge_mean):
    """Return the margin with K - 1 competitors."""
    return np.log(max(1 / (ridge_mean * np.sqrt(n_per_class)) - n_classes + 1, 1))


wrong = assay.judge("neural_collapse.10", predicted=all_compete, check="margin")
right = assay.judge("neural_collapse.10", predicted=others_compete, check="margin")
print(wrong, right, sep="\n")
assert (wrong.outcome, right.outcome) == ("disagrees", "agrees")
wrong.plot()

# %% [markdown]
# ## Exercises
#
# 1. In section 2, change the two ridges at a fixed product. What of the geometry moves, and what does not?
# 2. In section 7, how does the rank of the lowest run grow with the number of classes, at three layers and at five?
# 3. Find logits for five classes and two layers that cost less than the frame. (Two antipodal pairs and an apex.)
# 4. Is the bound of section 9 reached with three feature dimensions, by how many of 20 starts?
# 5. Write the formula for the loss of the frame and judge it: `assay.judge(..., check="loss")`.
