"""What scanners and archives do to pictures, done to prepared slices: how a network stands it can then be measured.

A slice is changed after preprocessing, which would undo a gain, so a gain is here what preprocessing misses. All draws
come from a generator that is given: the same slice with the same one gives the same bytes.
"""

import dataclasses
import io
from collections.abc import Callable

import numpy as np
from PIL import Image

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""(H, W) uint8 and where draws come from, to (H, W) uint8."""


@dataclasses.dataclass(frozen=True)
class Perturbation:
    """One change of slices, at one strength.

    Attributes:
        name: of the change.
        setting: its strength, for people.
        change: the change itself.
    """

    name: str
    setting: str
    change: Change

    def __call__(self, pixels: np.ndarray, seed: int, number: int) -> np.ndarray:
        """Returns a slice changed.

        Args:
            pixels: (H, W) uint8.
            seed: of all draws, 0 or more.
            number: of the slice among those of its split: another one draws something else.
        """
        return self.change(pixels, np.random.default_rng((seed, number)))


def gain(factor: float) -> Change:
    """Returns what multiplies greys, and clips at white."""
    return lambda pixels, _: _rounded(pixels * factor)


def gamma(exponent: float) -> Change:
    """Returns what raises greys, as shares of white, to a power: above 1 the middle gets darker."""
    table = _rounded(255 * (np.arange(256) / 255) ** exponent)
    return lambda pixels, _: table[pixels]


def bias_field(strength: float) -> Change:
    """Returns what multiplies by a plane that falls from 1 + strength to 1 - strength across the image.

    It falls along a direction that is drawn, between the two points where the circle around the image touches it.
    """

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        angle = rng.uniform(0, 2 * np.pi)
        rows, columns = (np.linspace(-1, 1, side) for side in pixels.shape)
        slope = (np.sin(angle) * rows[:, np.newaxis] + np.cos(angle) * columns) / np.sqrt(2)
        return _rounded(pixels * (1 + strength * slope))

    return change


def noise(sigma: float) -> Change:
    """Returns what adds noise as magnitude images have it: of `sigma` greys in each of two channels (Rician).

    H. Gudbjartsson, S. Patz, Magnetic Resonance in Medicine 34 (1995) 910-914.
    """

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        real, imaginary = rng.normal(0, sigma, (2, *pixels.shape))
        return _rounded(np.hypot(pixels + real, imaginary))

    return change


def blur(sigma: float) -> Change:
    """Returns what averages with a Gaussian of `sigma` pixels; beyond the image all is black."""

    def change(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
        from scipy import ndimage  # Slow to import, and not needed to predict.

        return _rounded(ndimage.gaussian_filter(pixels.astype(np.float32), sigma, mode="constant"))

    return change


def rotation(degrees: float) -> Change:
    """Returns what turns by an angle, to a side that is drawn, about the centre; black comes in."""

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        turned = Image.fromarray(pixels).rotate(degrees * rng.choice((-1, 1)), Image.Resampling.BILINEAR)
        return np.asarray(turned)

    return change


def crop(share: float) -> Change:
    """Returns what keeps a window of this share of the height and width, placed anywhere, and enlarges it."""

    def change(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = pixels.shape
        top, left = rng.uniform(0, 1 - share, 2) * (height, width)
        box = left, top, left + share * width, top + share * height
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, box=box))

    return change


def jpeg(quality: int) -> Change:
    """Returns what stores as JPEG at a quality from 1 to 95, and reads it again."""

    def change(pixels: np.ndarray, _: np.random.Generator) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return change


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


PERTURBATIONS = (
    Perturbation("gain", "greys times 0.75", gain(0.75)),
    Perturbation("gain", "greys times 1.33", gain(1.33)),
    Perturbation("gamma", "exponent 0.75", gamma(0.75)),
    Perturbation("gamma", "exponent 1.33", gamma(1.33)),
    Perturbation("bias field", "20 % across the image", bias_field(0.2)),
    Perturbation("bias field", "40 % across the image", bias_field(0.4)),
    Perturbation("noise", "sigma 8 greys", noise(8)),
    Perturbation("noise", "sigma 16 greys", noise(16)),
    Perturbation("blur", "sigma 1 pixel", blur(1)),
    Perturbation("blur", "sigma 2 pixels", blur(2)),
    Perturbation("rotation", "5 degrees", rotation(5)),
    Perturbation("rotation", "15 degrees", rotation(15)),
    Perturbation("crop", "to 90 % of the sides", crop(0.9)),
    Perturbation("crop", "to 75 % of the sides", crop(0.75)),
    Perturbation("JPEG", "quality 50", jpeg(50)),
    Perturbation("JPEG", "quality 15", jpeg(15)),
)
"""Each change twice: weaker and stronger; gain and gamma to either side."""
