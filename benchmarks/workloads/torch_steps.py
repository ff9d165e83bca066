"""The same training step in PyTorch, channels last: a peer. Needs torch and NumPy, no TensorFlow."""

import contextlib
import dataclasses
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.serving import serve
from contrast_tfdata.model.architecture import DENSE_UNITS, DROPOUT, FILTERS, IMAGE_CHANNELS, IMAGE_SIZE, feature_size

LEARNING_RATE = 5e-4


class Steps:
    """The variants that this process has built, each with its optimizer and a batch in memory."""

    def __init__(self):
        self._variants: dict[str, Callable[[], None]] = {}

    def build(self, name: str, autocast: bool, compiled: bool, batch: int) -> None:
        """Builds a step.

        Args:
            name: to call it by.
            autocast: forward pass and loss under bfloat16 autocast; float32 otherwise.
            compiled: by `torch.compile`; eager otherwise.
            batch: slices of a step.
        """
        torch.manual_seed(0)
        network = _network().to(memory_format=torch.channels_last)
        self._variants[name] = _Training(
            torch.compile(network) if compiled else network,
            torch.optim.Adam(network.parameters(), lr=LEARNING_RATE),
            *_batch(batch),
            autocast,
        )

    def step(self, name: str) -> dict[str, float]:
        """Does a step, and another, which is counted as by `steps`.

        The first is not counted: while the others had their turn, caches and memory went to them.
        """
        return self.steps(name, 2)[-1]

    def steps(self, name: str, count: int) -> list[dict[str, float]]:
        """Does steps one after the other; returns the seconds of each as `train`; `input` is 0: the batch is ready."""
        found = []
        for _ in range(count):
            started = time.perf_counter()
            self._variants[name]()
            found.append({"input": 0.0, "train": time.perf_counter() - started})
        return found

    def version(self) -> str:
        """Returns PyTorch's version."""
        return torch.__version__


@dataclasses.dataclass(frozen=True)
class _Training:
    """One step of training, each time it is called."""

    network: Callable[[torch.Tensor], torch.Tensor]
    optimizer: torch.optim.Optimizer
    images: torch.Tensor
    labels: torch.Tensor
    autocast: bool

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if self.autocast else contextlib.nullcontext():
            logits = self.network(self.images)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, self.labels)
        loss.backward()
        self.optimizer.step()


def _batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = np.random.default_rng(0).random((size, 1, IMAGE_SIZE, IMAGE_SIZE), np.float32)
    images = torch.from_numpy(np.repeat(pixels, IMAGE_CHANNELS, axis=1))
    return images.contiguous(memory_format=torch.channels_last), (torch.arange(size) % 2).float()[:, None]


def _network() -> torch.nn.Sequential:
    layers, channels = [], IMAGE_CHANNELS
    for filters in FILTERS:
        layers += [torch.nn.Conv2d(channels, filters, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        channels = filters
    flat = feature_size(IMAGE_SIZE) ** 2 * channels
    head = [torch.nn.Flatten(), torch.nn.Dropout(DROPOUT), torch.nn.Linear(flat, DENSE_UNITS), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, *head, torch.nn.Linear(DENSE_UNITS, 1))


if __name__ == "__main__":
    steps = Steps()
    serve(steps.build, steps.step, steps.steps, steps.version)
