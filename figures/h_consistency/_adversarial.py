"""Adversarial regrets of random pairs, least risks over a grid of scores, and linear models under attack."""

from __future__ import annotations

from itertools import product

import numpy as np

from simulations.h_consistency import simulate_adversarial_pairs, simulate_linear_attacks
from theory.h_consistency import smooth_adversarial_loss

RHO, N_PERTURBATIONS = 0.5, 5
N_SHOWN, N_BINS = 200, 64  # pairs kept for the figure, bins of the zero-one regret
LEAST_ZERO_ONE = 1e-3  # smaller zero-one regrets give no meaningful ratio
CLOSEST = 32  # models kept


def random_pairs(*, tau: float, n_classes: int, n_pairs: int, seed: int) -> dict[str, np.ndarray]:
    """Return the regrets of random pairs: the first ones, and in every bin of the zero-one regret the least ratio.

    ``zero_one`` and ``surrogate`` (200,); ``closest_zero_one`` and ``closest_surrogate`` (65,) for the pairs whose
    surrogate regret is the smallest multiple of their zero-one regret, with the overall first where a bin is empty;
    ``least_surrogate`` over all pairs.
    """
    stream = np.random.SeedSequence([seed, n_classes])
    zero_one, surrogate = simulate_adversarial_pairs(n_pairs, n_classes=n_classes, n_perturbations=N_PERTURBATIONS,
                                                     tau=tau, rho=RHO, seed=stream)  # fmt: skip
    ratio = np.full(n_pairs, np.inf)
    np.divide(surrogate, zero_one, out=ratio, where=zero_one > LEAST_ZERO_ONE)
    order = np.argsort(ratio, kind="stable")
    _, first = np.unique((N_BINS * zero_one[order]).astype(int), return_index=True)
    closest = np.full(N_BINS + 1, order[0])
    closest[: len(first)] = order[np.sort(first)]
    closest = np.where(np.isfinite(ratio[closest]), closest, order[0])
    return dict(
        zero_one=zero_one[:N_SHOWN], surrogate=surrogate[:N_SHOWN], closest_zero_one=zero_one[closest],
        closest_surrogate=surrogate[closest], least_surrogate=surrogate.min(),
    )  # fmt: skip


def least_risks_on_a_grid(*, tau: float, n_classes: int, n_rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return random class probabilities, (n_rows, 4) with zeros beyond ``n_classes``, and their least margin risks.

    Minimised over all scores whose gaps are multiples of rho / 4: the loss of label y is Phi of the sum over the other
    classes of min(1, max(0, 1 - (h_y - h_k) / rho)).
    """
    p = np.random.default_rng([seed, n_classes]).dirichlet(np.ones(n_classes), n_rows)
    scores = np.array([(0, *rest) for rest in product(range(-4 * (n_classes - 1), 4 * n_classes - 3),
                                                      repeat=n_classes - 1)]) / 4.0  # fmt: skip
    gaps = scores[:, :, np.newaxis] - scores[:, np.newaxis, :]
    sums = np.clip(1.0 - gaps, 0.0, 1.0).sum(axis=2) - 1.0
    losses = np.log1p(sums) if tau == 1.0 else ((1.0 + sums) ** (1.0 - tau) - 1.0) / (1.0 - tau)
    return dict(probabilities=np.pad(p, ((0, 0), (0, 4 - n_classes))), least=(losses @ p.T).min(axis=0))


def attacked_models(*, tau: float, n_classes: int, n_models: int, seed: int) -> dict[str, np.ndarray]:
    """Return random linear models of many scales under attack: those closest to their majorants, (32,) each.

    ``margin_loss`` is the largest found; the majorant is ``calm_loss``, at radius 0, plus nu ``reach``, where ``reach``
    is theory's largest change of the margins. ``change_ratio`` is the change found over it, for all models at its
    least and its largest.
    """
    rng = np.random.default_rng([seed, n_classes])
    n_features = int(rng.integers(1, 6))
    scale = 10.0 ** rng.uniform(-2.0, 1.0, (n_models, 1))
    models = dict(
        weights=scale[..., np.newaxis] * rng.standard_normal((n_models, n_classes, n_features)),
        biases=scale * rng.standard_normal((n_models, n_classes)),
        x=rng.standard_normal((n_models, n_features)),
        labels=rng.integers(0, n_classes, n_models),
    )
    return _attacked(models, tau, gamma=0.3, n_perturbations=64, seed=seed)


def attacked_identity(*, tau: float, n_classes: int) -> dict[str, np.ndarray]:
    """Return the models with w_y = e_y, no biases and x = u e_1, label 0, against a common fall of all margins."""
    u = np.linspace(0.0, 1.2, 13)
    found = []
    for gamma in np.linspace(0.0, 1.0, 6):
        models = dict(weights=np.tile(np.eye(n_classes), (len(u), 1, 1)), biases=np.zeros((len(u), n_classes)),
                      x=u[:, np.newaxis] * np.eye(n_classes)[0], labels=np.zeros(len(u)))  # fmt: skip
        found.append(_attacked(models, tau, gamma=float(gamma), n_perturbations=4, seed=0, closest=len(u)))
    return {name: np.concatenate([part[name] for part in found]) for name in ("margin_loss", "calm_loss", "reach")}


def _attacked(models: dict[str, np.ndarray], tau: float, *, gamma: float, n_perturbations: int, seed: int,
              closest: int = CLOSEST) -> dict[str, np.ndarray]:  # fmt: skip
    found = simulate_linear_attacks(**models, tau=tau, rho=RHO, gamma=gamma, n_perturbations=n_perturbations, seed=seed)
    nu = np.sqrt(models["biases"].shape[1] - 1.0) / RHO
    calm = _smooth_losses(models, tau, 0.0)
    # At tau = 2 losses are at most 1, so that a difference of them keeps its digits.
    reach = (_smooth_losses(models, 2.0, gamma) - _smooth_losses(models, 2.0, 0.0)) / nu
    near = np.argsort(calm + nu * reach - found.margin_loss, kind="stable")[:closest]
    ratios = found.margin_change[reach > 0.0] / reach[reach > 0.0]
    return dict(margin_loss=found.margin_loss[near], calm_loss=calm[near], reach=reach[near],
                change_ratio=np.array([ratios.min(initial=1.0), ratios.max(initial=1.0)]))  # fmt: skip


def _smooth_losses(models: dict[str, np.ndarray], tau: float, gamma: float) -> np.ndarray:
    return np.array([smooth_adversarial_loss(w, b, x, int(y), tau=tau, rho=RHO, gamma=gamma)
                     for w, b, x, y in zip(*models.values(), strict=True)])  # fmt: skip
