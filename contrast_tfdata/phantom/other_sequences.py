"""Signals of what is no T1-weighted image: other sequences, greys turned round, and the windows of computed tomography.

They are what the network that tells T1 from the rest is shown.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from contrast_tfdata.phantom.sequences import GradientEcho, Sequence, draw_sequence
from contrast_tfdata.phantom.tissue import Relaxation, Tissue

_FATTY = (Tissue.FAT, Tissue.FATTY_MARROW)
_SOLID = (Tissue.WHITE, Tissue.GREY, Tissue.CORD, Tissue.NERVE, Tissue.MUSCLE, Tissue.TONGUE)
"""Tissues whose bound protons are saturated by the many pulses of a train, and with them the visible ones."""
_FLUIDS = (Tissue.CSF, Tissue.VITREOUS)


@dataclasses.dataclass(frozen=True)
class TurboSpinEcho:
    """A train of spin echoes, after an inversion or none: T2 and proton density, FLAIR, STIR.

    Attributes:
        tr, te: repetition and effective echo time in ms.
        ti: inversion time in ms; 0 for none.
        fat_t2: ms by which fat decays in a train, longer than in single echoes, as its couplings are not seen
            (Henkelman et al., Magn Reson Med 1992;28:9).
        transfer: share of white matter's signal that saturated bound protons take (Melki and Mulkern, Magn Reson Med
            1992;24:184); of grey matter two thirds of it.
        flow: share of a fluid's signal that its motion leaves.
    """

    tr: float
    te: float
    ti: float = 0.0
    fat_t2: float = 150.0
    transfer: float = 0.0
    flow: float = 1.0

    volumetric: ClassVar[bool] = False

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64 magnitudes relative to water's magnetisation.

        density |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2) after an inversion, density (1 - exp(-TR/T1)) exp(-TE/T2)
        without: Haacke et al., Magnetic Resonance Imaging, 1999.
        """
        t2 = tissue.t2.copy()
        t2[list(_FATTY)] = self.fat_t2
        recovered = 1.0 - np.exp(-self.tr / tissue.t1)
        if self.ti:
            recovered = np.abs(recovered + 2.0 * (np.exp(-self.tr / tissue.t1) - np.exp(-self.ti / tissue.t1)))
        signal = tissue.density * recovered * np.exp(-self.te / t2)
        signal[list(_SOLID)] *= 1.0 - 2.0 / 3.0 * self.transfer
        signal[Tissue.WHITE] *= (1.0 - self.transfer) / (1.0 - 2.0 / 3.0 * self.transfer)
        signal[list(_FLUIDS)] *= self.flow
        return signal

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the signal of spins that saw only some of the pulses: none."""
        return np.zeros_like(tissue.density)


@dataclasses.dataclass(frozen=True)
class Diffusion:
    """A diffusion-weighted echo-planar image; fat is saturated.

    Attributes:
        te: echo time in ms.
        b: diffusion weighting in s/mm2.
    """

    te: float
    b: float

    volumetric: ClassVar[bool] = False

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64: density exp(-TE/T2) exp(-b D), after full recovery.

        D in mm2/s: 0.0008 of brain, 0.003 of fluid, 0.0014 of the rest (Le Bihan et al., Radiology 1986;161:401).
        """
        diffusivity = np.full_like(tissue.density, 1.4e-3)
        diffusivity[[Tissue.WHITE, Tissue.GREY, Tissue.CORD, Tissue.NERVE]] = 0.8e-3
        diffusivity[list(_FLUIDS)] = 3.0e-3
        signal = tissue.density * np.exp(-self.te / tissue.t2) * np.exp(-self.b * diffusivity)
        signal[list(_FATTY)] *= 0.05
        return signal

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the signal of blood: none, since it moves while it is weighted."""
        return np.zeros_like(tissue.density)


@dataclasses.dataclass(frozen=True)
class Inverted:
    """The negative of a sequence: what is bright is dark, but for air."""

    of: Sequence

    volumetric: ClassVar[bool] = True

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64: the brightest tissue's signal less each one's."""
        signal = self.of.signal(tissue)
        shown = tissue.density > 0
        return np.where(shown, 1.05 * signal.max() - signal, 0.0)

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the same of blood as of all other tissue."""
        return self.signal(tissue)


@dataclasses.dataclass(frozen=True)
class Tomography:
    """A window of computed tomography.

    Attributes:
        low, high: Hounsfield units that become black and white.
    """

    low: float
    high: float

    volumetric: ClassVar[bool] = True

    def signal(self, tissue: Relaxation) -> np.ndarray:
        """Returns (tissues,) float64, 0 to 1: Hounsfield units of textbooks (Hounsfield, Br J Radiol 1973;46:1016)."""
        units = np.full(len(Tissue), 45.0)
        for tissues, value in _HOUNSFIELD.items():
            units[list(tissues)] = value
        return np.clip((units - self.low) / (self.high - self.low), 0.0, 1.0)

    def fresh(self, tissue: Relaxation) -> np.ndarray:
        """Returns the same of blood as of all other tissue."""
        return self.signal(tissue)


_HOUNSFIELD = {
    (Tissue.AIR,): -1000.0,
    _FATTY: -90.0,
    (Tissue.BONE,): 1100.0,
    (Tissue.MARROW,): 250.0,
    _FLUIDS: 8.0,
    (Tissue.GREY,): 38.0,
    (Tissue.WHITE,): 30.0,
    (Tissue.DISC, Tissue.LIGAMENT): 80.0,
}

OtherSequence = TurboSpinEcho | Diffusion | GradientEcho | Inverted | Tomography
_SHARES = {
    "t2": 0.26,
    "flair": 0.36,
    "pd": 0.08,
    "stir": 0.06,
    "t2_star": 0.08,
    "dwi": 0.06,
    "inverted": 0.06,
    "ct": 0.04,
}
"""How often each is shown. FLAIR, which is most like T1 after contrast, more than the others."""


def draw_other_sequence(rng: np.random.Generator) -> OtherSequence:
    """Draws what is no T1-weighted image, with times and angles in their usual ranges."""
    kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    train = {"fat_t2": rng.uniform(80, 220), "transfer": rng.uniform(0.0, 0.3), "flow": rng.uniform(0.7, 1.0)}
    if kind == "t2":
        return TurboSpinEcho(tr=rng.uniform(2500, 7000), te=rng.uniform(75, 140), **train)
    if kind == "flair":
        tr = rng.uniform(4800, 11000)
        null = 4300.0 * np.log(2.0 / (1.0 + np.exp(-tr / 4300.0)))  # Where fluid gives no signal.
        return TurboSpinEcho(tr=tr, te=rng.uniform(75, 150), ti=null * rng.uniform(0.93, 1.04), **train)
    if kind == "pd":
        return TurboSpinEcho(tr=rng.uniform(2200, 5000), te=rng.uniform(9, 40), **train)
    if kind == "stir":
        return TurboSpinEcho(tr=rng.uniform(3000, 6500), te=rng.uniform(30, 90), ti=rng.uniform(140, 210), **train)
    if kind == "t2_star":
        return GradientEcho(tr=rng.uniform(450, 900), te=rng.uniform(15, 35), flip=rng.uniform(12, 25))
    if kind == "dwi":
        return Diffusion(te=rng.uniform(65, 110), b=float(rng.choice([0.0, 1000.0])))
    if kind == "inverted":
        return Inverted(draw_sequence(rng))
    centre, width = (rng.uniform(30, 45), rng.uniform(70, 140)) if rng.random() < 0.6 else (400.0, 2000.0)
    return Tomography(centre - width / 2, centre + width / 2)
