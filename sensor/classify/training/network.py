"""Fits small dense networks with numpy alone: Adam, dropout, soft labels; same seed, same bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.classify.model import Network

Array = NDArray[np.float32]

LIMIT = 5.0
"""Standardised inputs are cut to ± this."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is fitted."""

    hidden: int = 96
    members: int = 3
    """Networks of different seeds whose logits are averaged; they are merged into one wide layer."""
    epochs: int = 20
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-2
    """Weight decay per step, times the learning rate (AdamW, Loshchilov & Hutter 2019)."""
    dropout: float = 0.4
    input_noise: float = 0.1
    """Gaussian noise on the standardised inputs; more was worse, the simulated channels do that already."""


def standardiser(vectors: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted mean and deviation of each input, unknown values left out."""
    known = ~np.isnan(vectors)
    w = weights[:, None] * known
    filled = np.where(known, vectors, 0.0)
    total = np.maximum(w.sum(axis=0, dtype=np.float64), 1e-12)
    mean = (w * filled).sum(axis=0, dtype=np.float64) / total
    variance = (w * (filled - mean) ** 2).sum(axis=0, dtype=np.float64) / total
    return mean.astype(np.float32), np.sqrt(np.maximum(variance, 1e-8)).astype(np.float32)


def fit(vectors: Array, targets: Array, weights: Array, recipe: Recipe, seed: int) -> Network:
    """Fit ``recipe.members`` networks to soft ``targets`` (n, classes) and merge them into one."""
    mean, scale = standardiser(vectors, weights)
    x = np.nan_to_num(np.clip((vectors - mean) / scale, -LIMIT, LIMIT)).astype(np.float32)
    members = [_fit_one(x, targets, weights, recipe, seed + number) for number in range(recipe.members)]
    first = np.concatenate([m[0] for m in members], axis=1)
    first_bias = np.concatenate([m[1] for m in members])
    second = (np.concatenate([m[2] for m in members], axis=0) / recipe.members).astype(np.float32)
    second_bias = np.mean([m[3] for m in members], axis=0).astype(np.float32)
    return Network(mean=mean, scale=scale, limit=LIMIT, layers=((first, first_bias), (second, second_bias)))


def _fit_one(x: Array, targets: Array, weights: Array, recipe: Recipe, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    inputs, classes = x.shape[1], targets.shape[1]
    values = [
        (rng.standard_normal((inputs, recipe.hidden)) * np.sqrt(2.0 / inputs)).astype(np.float32),
        np.zeros(recipe.hidden, np.float32),
        (rng.standard_normal((recipe.hidden, classes)) * np.sqrt(1.0 / recipe.hidden)).astype(np.float32),
        np.zeros(classes, np.float32),
    ]
    first = [np.zeros_like(v) for v in values]
    second = [np.zeros_like(v) for v in values]
    weights = weights / weights.mean()
    steps = max(1, recipe.epochs * (len(x) // recipe.batch))
    step = 0
    for _ in range(recipe.epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x) - recipe.batch + 1, recipe.batch):
            rows = order[begin : begin + recipe.batch]
            gradients = _gradients(values, x[rows], targets[rows], weights[rows], recipe, rng)
            step += 1
            rate = (
                recipe.rate
                * 0.5
                * (1.0 + np.cos(np.pi * step / steps))
                * min(1.0, step / (0.05 * steps + 1.0))
            )
            _adam(values, gradients, first, second, step, rate, recipe.decay)
    return values


def _gradients(
    values: list[Array], x: Array, targets: Array, weights: Array, recipe: Recipe, rng: np.random.Generator
) -> list[Array]:
    x = x + np.float32(recipe.input_noise) * rng.standard_normal(x.shape, dtype=np.float32)
    keep = (rng.random((len(x), recipe.hidden), dtype=np.float32) >= recipe.dropout) / np.float32(
        1.0 - recipe.dropout
    )
    before = x @ values[0] + values[1]
    hidden = np.maximum(before, 0.0) * keep
    logits = hidden @ values[2] + values[3]
    logits -= logits.max(axis=1, keepdims=True)
    share = np.exp(logits)
    share /= share.sum(axis=1, keepdims=True)
    error = (share - targets) * (weights / len(x))[:, None]
    back = (error @ values[2].T) * keep * (before > 0.0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def _adam(
    values: list[Array],
    gradients: list[Array],
    first: list[Array],
    second: list[Array],
    step: int,
    rate: float,
    decay: float,
) -> None:
    for index, gradient in enumerate(gradients):
        first[index] += 0.1 * (gradient - first[index])
        second[index] += 0.001 * (gradient * gradient - second[index])
        update = (first[index] / (1.0 - 0.9**step)) / (np.sqrt(second[index] / (1.0 - 0.999**step)) + 1e-8)
        if values[index].ndim == 2:  # biases do not decay
            update = update + decay * values[index]
        values[index] -= (rate * update).astype(np.float32)
