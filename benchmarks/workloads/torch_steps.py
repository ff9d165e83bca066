"""The same training step in PyTorch, channels last: a peer. Needs torch and NumPy, no TensorFlow."""

import time

import numpy as np
import torch

from benchmarks.serving import serve
from contrast_tfdata.model.architecture import DENSE_UNITS, DROPOUT, FILTERS, IMAGE_CHANNELS, IMAGE_SIZE, feature_size

BATCH = 64
LEARNING_RATE = 5e-4


class Step:
    """The network with its optimizer and a batch in memory, float32."""

    def __init__(self):
        torch.manual_seed(0)
        self._network = _network().to(memory_format=torch.channels_last)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=LEARNING_RATE)
        pixels = np.random.default_rng(0).random((BATCH, 1, IMAGE_SIZE, IMAGE_SIZE), np.float32)
        images = torch.from_numpy(np.repeat(pixels, IMAGE_CHANNELS, axis=1))
        self._images = images.contiguous(memory_format=torch.channels_last)
        self._labels = (torch.arange(BATCH) % 2).float()[:, None]

    def step(self) -> dict[str, float]:
        """Does a step, and another; returns that one's seconds as `train`; the batch lies ready.

        The first is not counted: while the others had their turn, caches and memory went to them.
        """
        self._train()
        started = time.perf_counter()
        self._train()
        return {"input": 0.0, "train": time.perf_counter() - started}

    def _train(self) -> None:
        self._optimizer.zero_grad()
        logits = self._network(self._images)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, self._labels)
        loss.backward()
        self._optimizer.step()

    def version(self) -> str:
        """Returns PyTorch's version."""
        return torch.__version__


def _network() -> torch.nn.Sequential:
    layers, channels = [], IMAGE_CHANNELS
    for filters in FILTERS:
        layers += [torch.nn.Conv2d(channels, filters, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        channels = filters
    flat = feature_size(IMAGE_SIZE) ** 2 * channels
    head = [torch.nn.Flatten(), torch.nn.Dropout(DROPOUT), torch.nn.Linear(flat, DENSE_UNITS), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, *head, torch.nn.Linear(DENSE_UNITS, 1))


if __name__ == "__main__":
    torch_step = Step()
    serve(torch_step.step, torch_step.version)
