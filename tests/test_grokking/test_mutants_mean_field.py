"""Wrong formulas for training in high dimension: the quick checks of the mean-field claims must refuse them."""

import functools

import pytest

import assay
from figures.grokking._mean_field import wrong_mean_field
from theory.grokking import lazy_highdim_path, population_path, solve_dmft

TASK = ("sample_ratio", "output_scale", "quadratic_strength", "learning_rate", "initial_alignment", "target_offset")


@functools.cache
def solve(**task):
    return solve_dmft(**task, n_steps=40, n_paths=400)


@functools.cache
def solve_wrongly(version, **task):
    return wrong_mean_field(version=version, **task, n_steps=40)


def of(task):
    return {name: task[name] for name in TASK}


def loss_of(part, step, **task):
    """Return a loss of the mean-field theory at a step."""
    return getattr(solve(**of(task)), f"{part}_loss")[step]


def right(part):
    return lambda step, **task: loss_of(part, step, **task)


def changed(part, **changes):
    """Return the theory with parameters replaced, each a function of the task."""

    def formula(step, **task):
        return loss_of(part, step, **task | {name: change(task) for name, change in changes.items()})

    return formula


def wrong(part, version):
    def formula(step, **task):
        return getattr(solve_wrongly(version, **of(task)), f"{part}_loss")[step]

    return formula


def lazy_without_the_planted_start(step, sample_ratio, quadratic_strength, learning_rate, target_offset):
    path = lazy_highdim_path(sample_ratio, quadratic_strength=quadratic_strength, learning_rate=learning_rate,
                             n_steps=step, target_offset=target_offset)  # fmt: skip
    return path.train_loss[-1]


def without_the_linear_term(step, **task):
    return solve(**of(task)).test_terms[step, :2].sum()


MUTANTS = {
    "gradient of half the squared error": ("train", changed("train", learning_rate=lambda t: t["learning_rate"] / 2)),
    "samples less features": ("train", changed("train", sample_ratio=lambda t: t["sample_ratio"] - 1)),
    "tau for its square": ("test", changed("test", initial_alignment=lambda t: t["initial_alignment"] ** 0.5)),
    "uncentred target": ("test", changed("test", target_offset=lambda t: 0.0)),
    "epsilon without its half": ("test", changed("test", quadratic_strength=lambda t: 2 * t["quadratic_strength"])),
    "no memory": ("test", wrong("test", "no memory")),
    "redrawn noise": ("train", wrong("train", "redrawn noise")),
    "redrawn noise, fresh samples": ("test", wrong("test", "redrawn noise")),
    "lazy": ("train", lazy_without_the_planted_start),
    "no linear term": ("test", without_the_linear_term),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_of_the_losses(name, output):
    part, formula = MUTANTS[name]
    assert assay.judge("grokking.6", formula, check=f"{part}-loss", output=output).outcome == "disagrees"


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_right_losses_are_accepted(part, output):
    assert assay.judge("grokking.6", right(part), check=f"{part}-loss", output=output).outcome == "agrees"


def population_loss(step, **task):
    return population_path(**{name: task[name] for name in TASK[1:]}, n_steps=step).loss[-1]


def population_without_wick_pairings(step, output_scale, quadratic_strength, learning_rate, initial_alignment,
                                     target_offset):  # fmt: skip
    """mu for nu: E y u^2 taken for E y E u^2."""
    amplitude, rate = output_scale * quadratic_strength / 2, 2 * learning_rate * quadratic_strength / output_scale
    a = a_e = 1.0
    for _ in range(step):
        mean = amplitude * (a**2 - 1 + initial_alignment * (a_e**2 - 1)) - (1 - target_offset) / 2
        a, a_e = a * (1 - rate * mean), a_e * (1 - rate * mean)
    mean = amplitude * (a**2 - 1 + initial_alignment * (a_e**2 - 1)) - (1 - target_offset) / 2
    return mean**2 + 2 * (amplitude * initial_alignment * (a_e**2 - 1) - 0.5) ** 2


def population_of_half_the_variance(step, **task):
    """The loss mu^2 + x^2 for mu^2 + 2 x^2."""
    path = population_path(**{name: task[name] for name in TASK[1:]}, n_steps=step)
    planted = task["output_scale"] * task["quadratic_strength"] / 2 * task["initial_alignment"]
    return path.loss[-1] - (planted * (path.overlap[-1] ** 2 - 1) - 0.5) ** 2


@pytest.mark.parametrize("formula", [population_without_wick_pairings, population_of_half_the_variance])
def test_mutants_of_the_population(formula, output):
    assert assay.judge("grokking.7", formula, check="losses", output=output).outcome == "disagrees"


def test_the_right_population_is_accepted(output):
    assert assay.judge("grokking.7", population_loss, check="losses", output=output).outcome == "agrees"
