"""Signal equations of the T1-weighted sequences that heads are scanned with."""

import dataclasses
from typing import ClassVar

import numpy as np

from contrast_tfdata.phantom.tissue import Relaxation


@dataclasses.dataclass(frozen=True)
class SpinEcho:
    """A spin echo, 90 then 180 degrees.

    Attributes:
        tr, te: repetition and echo time in ms.
    """

    tr: float
    te: float

    volumetric: ClassVar[bool] = False

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64 magnitudes relative to water's magnetisation.

        density (1 - 2 exp(-(TR - TE/2)/T1) + exp(-TR/T1)) exp(-TE/T2): Haacke et al., Magnetic Resonance Imaging, 1999.
        """
        refocused = 2.0 * np.exp(-(self.tr - self.te / 2.0) / tissue.t1)
        return tissue.density * (1.0 - refocused + np.exp(-self.tr / tissue.t1)) * np.exp(-self.te / tissue.t2)

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the signal of spins that saw only one of the two pulses: none."""
        return np.zeros_like(tissue.density)


@dataclasses.dataclass(frozen=True)
class GradientEcho:
    """A spoiled gradient echo in the steady state (FLASH, SPGR, T1-FFE).

    Attributes:
        tr, te: repetition and echo time in ms.
        flip: degrees.
    """

    tr: float
    te: float
    flip: float

    @property
    def volumetric(self) -> bool:
        """Whether a whole volume is excited at once, as such short repetition times need."""
        return self.tr < 60.0

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64 magnitudes relative to water's magnetisation.

        density sin(a) (1 - E1) / (1 - cos(a) E1) exp(-TE/T2*), E1 = exp(-TR/T1): Ernst and Anderson, Rev Sci Instrum
        1966;37:93.
        """
        angle, decay = np.deg2rad(self.flip), np.exp(-self.tr / tissue.t1)
        steady = np.sin(angle) * (1.0 - decay) / (1.0 - np.cos(angle) * decay)
        return tissue.density * steady * np.exp(-self.te / tissue.t2_star)

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the signal of fully relaxed spins that have just flowed in."""
        return tissue.density * np.sin(np.deg2rad(self.flip)) * np.exp(-self.te / tissue.t2_star)


@dataclasses.dataclass(frozen=True)
class Mprage:
    """A magnetisation-prepared rapid gradient echo: inversion, wait, a train of small flips, recovery.

    Attributes:
        tr: from inversion to inversion, ms.
        ti: from inversion to the train's middle pulse (the centre of k-space), ms.
        te: ms.
        spacing: between the train's pulses, ms.
        pulses: in the train.
        flip: degrees.

    Raises:
        ValueError: the train does not fit between the inversions.
    """

    tr: float
    ti: float
    te: float
    spacing: float
    pulses: int
    flip: float

    volumetric: ClassVar[bool] = True

    def __post_init__(self):
        half = self.pulses // 2 * self.spacing
        if self.ti < half or self.tr < self.ti + half:
            raise ValueError(f"A train of {2 * half} ms does not fit. Received: ti={self.ti}, tr={self.tr} (ms)")

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64 magnitudes relative to water's magnetisation.

        The sequence is Mugler and Brookeman's (Magn Reson Med 1990;15:152). Every period maps the longitudinal
        magnetisation m to a m + b, so a whole cycle does, and its fixed point b / (1 - a) is the steady state
        (the argument of Deichmann et al., Neuroimage 2000;12:112).
        """
        half = self.pulses // 2
        before = _chain(_recovery(tissue.t1, self.ti - half * self.spacing), self._train(tissue.t1, half))
        after = _chain(
            self._train(tissue.t1, half), _recovery(tissue.t1, self.tr - self.ti - half * self.spacing), (-1.0, 0.0)
        )
        gain, shift = _chain(before, after)
        # The cycle is cut right after the inversion: that is where the fixed point is taken.
        middle = before[0] * shift / (1.0 - gain) + before[1]
        return tissue.density * np.abs(middle) * np.sin(np.deg2rad(self.flip)) * np.exp(-self.te / tissue.t2_star)

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the signal of spins that flowed in after the inversion pulse, fully relaxed."""
        return tissue.density * np.sin(np.deg2rad(self.flip)) * np.exp(-self.te / tissue.t2_star)

    def _train(self, t1: np.ndarray, pulses: int) -> tuple[np.ndarray, np.ndarray]:
        decay, cosine = np.exp(-self.spacing / t1), np.cos(np.deg2rad(self.flip))
        gain = (cosine * decay) ** pulses
        return gain, (1.0 - decay) / (1.0 - cosine * decay) * (1.0 - gain)


Sequence = SpinEcho | GradientEcho | Mprage


def _recovery(t1: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
    decay = np.exp(-time / t1)
    return decay, 1.0 - decay


def _chain(*maps: tuple) -> tuple:
    """Composes affine maps m -> gain m + shift, the first argument first."""
    gain, shift = 1.0, 0.0
    for next_gain, next_shift in maps:
        gain, shift = gain * next_gain, shift * next_gain + next_shift
    return gain, shift


_KINDS = (0.4, 0.15, 0.2, 0.25)
_MOSTLY_VOLUMES = (0.15, 0.1, 0.35, 0.4)
"""How often a protocol is a spin echo, a gradient echo of slices, a gradient echo of a volume or an MPRAGE, assumed: in
archives of whole heads, and of volumes whose skull was stripped."""


def draw_sequence(rng: np.random.Generator, *, mostly_volumes: bool = False) -> Sequence:
    """Draws one of the T1-weighted protocols in clinical use, with times and angles in their usual ranges."""
    kind = rng.choice(4, p=_MOSTLY_VOLUMES if mostly_volumes else _KINDS)
    if kind == 0:
        return SpinEcho(tr=rng.uniform(380, 750), te=rng.uniform(7, 20))
    if kind == 1:  # Two-dimensional: long TR, large angle, strong inflow.
        return GradientEcho(tr=rng.uniform(130, 320), te=rng.uniform(2, 7), flip=rng.uniform(60, 90))
    if kind == 2:  # Three-dimensional.
        return GradientEcho(tr=rng.uniform(6, 30), te=rng.uniform(2, 7), flip=rng.uniform(14, 35))
    train = {"spacing": rng.uniform(6, 9), "pulses": 160}
    ti = rng.uniform(max(750, 80 * train["spacing"] + 60), 1100)
    return Mprage(tr=rng.uniform(1850, 2400), ti=ti, te=rng.uniform(2, 4.5), flip=rng.uniform(7, 12), **train)
