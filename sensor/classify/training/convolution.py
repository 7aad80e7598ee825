# ruff: noqa: ANN401  PyTorch is not installed where types are checked
"""A small convolutional network on a log-mel spectrogram and a fine-time branch, as a rival (PyTorch).

PyTorch is in no extra of the project: what this network buys does not pay for it (docs/classification.md).
Install it by hand to compare again: ``pip install torch``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.calibration import Floats
from sensor.classify.training.network import LIMIT, standardiser
from sensor.classify.training.pictures import CONTEXT, FINE_SHAPE, MEL_SHAPE
from sensor.classify.training.protocol import Fitter, Predictor

Array = NDArray[np.float32]

EPOCHS, BATCH, RATE, DECAY, DROPOUT = 3, 128, 2e-3, 1e-3, 0.4
_MEL, _FINE = int(np.prod(MEL_SHAPE)), int(np.prod(FINE_SHAPE))
_FLAT = 32 * 3 * 9 + 24 * 3 * 12


def available() -> bool:
    """Whether PyTorch is installed."""
    return find_spec("torch") is not None


def convolutional_fitter(seed: int) -> Fitter:
    """Fitter of the network, one thread, to the rows of ``pictures.spectrograms``; 0.12 million weights."""
    return lambda inputs, targets, weights: _fit(inputs, targets, weights, seed)


def _fit(inputs: Array, targets: Array, weights: Array, seed: int) -> Predictor:
    import torch  # noqa: PLC0415  no dependency of the project

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    mean, scale = standardiser(inputs, weights)
    scale[:-CONTEXT] = 1.0  # pictures stay in decibels

    def prepared(raw: Array) -> Any:
        return torch.from_numpy(np.nan_to_num(np.clip((raw - mean) / scale, -LIMIT, LIMIT)))

    known = weights > 0
    x, wanted = prepared(inputs[known]), torch.from_numpy(targets[known])
    share = torch.from_numpy(weights[known] / weights[known].mean())
    network = _network(torch, targets.shape[1])
    _train(torch, network, x, wanted, share)
    network.eval()

    def predict(raw: Array) -> Floats:
        with torch.no_grad():
            parts = [torch.softmax(network(prepared(raw[s : s + 1024])), 1) for s in range(0, len(raw), 1024)]
        return np.asarray(torch.cat(parts).numpy(), np.float64)

    return predict


def _train(torch: Any, network: Any, x: Any, wanted: Any, share: Any) -> None:
    """AdamW over one cycle; levels of bands are shaken by a standard deviation of 1.5 dB."""
    steps = EPOCHS * (len(x) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for begin in range(0, len(x) - BATCH + 1, BATCH):
            rows = order[begin : begin + BATCH]
            batch = x[rows].clone()
            mel = batch[:, :_MEL].view(-1, *MEL_SHAPE)
            mel += 0.1 * torch.randn(len(rows), MEL_SHAPE[0], 1)
            loss = -((wanted[rows] * torch.log_softmax(network(batch), 1)).sum(1) * share[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _network(torch: Any, classes: int) -> Any:
    nn = torch.nn

    def block(inner: int, outer: int) -> Any:
        convolution = nn.Conv2d(inner, outer, 3, stride=2, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU())

    class Branches(nn.Module):  # type: ignore[misc,name-defined]  # the base class is known at run time only
        def __init__(self) -> None:
            super().__init__()
            self.mel = nn.Sequential(block(1, 12), block(12, 24), block(24, 32))
            self.fine = nn.Sequential(block(1, 12), block(12, 24))
            self.drop = nn.Dropout(DROPOUT)
            self.head = nn.Sequential(
                nn.Linear(_FLAT + CONTEXT, 64), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(64, classes)
            )

        def forward(self, x: Any) -> Any:
            mel = self.mel(x[:, :_MEL].reshape(-1, 1, *MEL_SHAPE)).flatten(1)
            fine = self.fine(x[:, _MEL : _MEL + _FINE].reshape(-1, 1, *FINE_SHAPE)).flatten(1)
            seen = self.drop(torch.cat([mel, fine], 1))
            return self.head(torch.cat([seen, x[:, _MEL + _FINE :]], 1))

    return Branches()
