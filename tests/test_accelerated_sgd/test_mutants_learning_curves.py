"""Wrong learning curves, power laws and training-set losses: the quick check of each claim must refuse them."""

import math

import numpy as np
import pytest

import assay
from figures.accelerated_sgd._training_sets import training_set
from theory.accelerated_sgd import MomentumScheme, cumulative_lookahead_loss, stability_trace, stationary_risk


def judged(claim, check, predicted, output):
    return assay.judge(f"accelerated_sgd.{claim}", predicted, check=check, output=output).outcome


def one_pass(wrong=""):
    """The recursion of the learning curve, mode by mode."""

    def predicted(eigenvalues, initial_error, scheme, noise_variance, batch_size, time):
        eta, squares = scheme.learning_rate, initial_error**2
        noise_step = (eta if wrong == "step not squared" else eta**2) / batch_size
        for _ in range(time):
            loss = eigenvalues @ squares
            spread = noise_variance if wrong == "labels alone" else loss + noise_variance
            keep = 1 - eta * eigenvalues
            spread = spread + eigenvalues * squares  # the diagonal part of the fourth moments
            squares = (keep if wrong == "decay not squared" else keep**2) * squares
            squares = squares + noise_step * (1 if wrong == "eigenvalue lost" else eigenvalues) * spread
        return eigenvalues @ squares + (0 if wrong == "noise not in the loss" else noise_variance)

    return predicted


def isotropic(wrong=""):
    def predicted(batch_size, time):
        d, m, noise = 30, batch_size, 0.01
        eta = m / (m + d + 1)
        rate = (1 - eta) ** 2 + eta**2 * (d if wrong == "d for d + 1" else d + 1) / m
        if wrong == "best rate at any step":
            rate = d / (m + d)
        injected = noise * eta**2 * d / (1 if wrong == "noise of one sample" else m)
        return rate**time + injected * (1 - rate**time) / (1 - rate) + noise

    return predicted


def summed(wrong=""):
    def predicted(learning_rate, batch_size, n_features):
        eta, m, index = learning_rate, batch_size, np.arange(1.0, n_features + 1)
        values, target = index**-1.5, index**-0.5
        left = 2 - eta * values * (1 if wrong == "batch noise lost" else 1 + 1 / m)
        trace = (eta * values / left).sum() / (1 if wrong == "m lost in the trace" else m)
        terms = target if wrong == "target not squared" else target**2
        return (terms / (eta * left)).sum() / (1 + trace if wrong == "sign of the trace" else 1 - trace)

    return predicted


def exponent(wrong=""):
    def predicted(capacity, source):
        bias, noise = (source - 1) / capacity, 2 - 1 / capacity
        wrongs = {"as published": bias, "noise alone": noise, "faster of the two": max(bias, noise),
                  "a/b": min(source / capacity, noise), "1/b lost": min(bias, 2)}  # fmt: skip
        return -wrongs.get(wrong, min(bias, noise))

    return predicted


def prefactor(wrong=""):
    """Gamma(x) / b (2 eta t)^-x over 1 - l, or the same with the sampling noise in front."""

    def predicted(capacity, source, batch_size, n_modes, learning_rate, momentum, lookahead_learning_rate, time):
        b, m, k = capacity, batch_size, np.arange(1.0, n_modes + 1)
        scheme = MomentumScheme(learning_rate, momentum, lookahead_learning_rate)
        values, error = k**-b, k ** (0.5 * (b - source))
        trace = stability_trace(values, scheme, batch_size=m)
        iterate = 2 * (1 - trace) * stationary_risk(values, scheme, noise_variance=1.0, batch_size=m)
        eta = scheme.effective_learning_rate
        eta = lookahead_learning_rate if wrong == "step without momentum" else eta
        power = min((source - 1) / b, 2 - 1 / b)
        law = math.gamma(power + (wrong == "Gamma(x + 1)")) / b
        law *= ((1 if wrong == "2 lost" else 2) * eta * time) ** -power
        if source > 2 * b:
            summed = cumulative_lookahead_loss(values, error, scheme, batch_size=m)
            law *= summed * (eta if wrong == "step not squared" else eta**2) / (1 if wrong == "1/m lost" else m)
        return law * (1 if wrong == "amplification lost" else 1 + iterate / (1 - trace))

    return predicted


def on_training_set(field, wrong=""):
    """Moments of the weights themselves, in the given basis, by plain loops over the training points."""

    def predicted(n_samples, n_features, label_noise, seed, time):
        data = training_set(n_samples, n_features, label_noise, seed)
        rows, labels, size = data["features"], data["targets"], 1 if wrong == "sum for mean" else n_samples
        eta, mean, moments = 0.02, np.zeros(n_features), np.zeros((n_features, n_features))
        second, cross = rows.T @ rows / size, labels @ rows / size
        for _ in range(time):
            losses = np.einsum("ji,ik,jk->j", rows, moments, rows) - 2 * labels * (rows @ mean) + labels**2
            pull = moments @ second - np.outer(mean, cross)
            if wrong == "every sample meets the mean loss":
                losses = np.full(n_samples, losses.mean())
            noise = (rows.T * losses) @ rows / n_samples
            if wrong == "full gradient":
                step = second @ mean - cross
                noise = np.outer(step, step)
            moments = moments - eta * (pull + pull.T) + (eta if wrong == "step not squared" else eta**2) * noise
            mean = mean - eta * (second @ mean - cross)
        if field == "train":
            losses = np.einsum("ji,ik,jk->j", rows, moments, rows) - 2 * labels * (rows @ mean) + labels**2
            return losses.mean()
        target = data["true_weights"]
        return np.trace(moments) - 2 * mean @ target + target @ target + data["test_noise_variance"]

    return predicted


RIGHT = [
    ("8", "learning-curve", one_pass()),
    ("8", "isotropic-curve", isotropic()),
    ("8", "summed-loss", summed()),
    ("8", "exponent", exponent()),
    ("8", "prefactor", prefactor()),
    ("9", "train-loss", on_training_set("train")),
    ("9", "test-loss", on_training_set("test")),
]
WRONG = [
    *(("8", "learning-curve", wrong, one_pass(wrong)) for wrong in (
        "step not squared", "labels alone", "decay not squared", "eigenvalue lost", "noise not in the loss")),
    *(("8", "isotropic-curve", wrong, isotropic(wrong)) for wrong in (
        "d for d + 1", "best rate at any step", "noise of one sample")),
    *(("8", "summed-loss", wrong, summed(wrong)) for wrong in (
        "batch noise lost", "m lost in the trace", "target not squared", "sign of the trace")),
    *(("8", "exponent", wrong, exponent(wrong)) for wrong in (
        "as published", "noise alone", "faster of the two", "a/b", "1/b lost")),
    *(("8", "prefactor", wrong, prefactor(wrong)) for wrong in (
        "step without momentum", "Gamma(x + 1)", "2 lost", "step not squared", "1/m lost", "amplification lost")),
    *(("9", "train-loss", wrong, on_training_set("train", wrong)) for wrong in (
        "every sample meets the mean loss", "full gradient", "step not squared")),
    *(("9", "test-loss", wrong, on_training_set("test", wrong)) for wrong in ("sum for mean", "step not squared")),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "check", "predicted"), RIGHT)
def test_plain_transcription_agrees(claim, check, predicted, output):
    assert judged(claim, check, predicted, output) == "agrees"


@pytest.mark.parametrize(("claim", "check", "wrong", "predicted"), WRONG)
def test_wrong_formula_disagrees(claim, check, wrong, predicted, output):
    assert judged(claim, check, predicted, output) == "disagrees", wrong
