"""Tissues and what magnetic resonance knows about them, each constant with the paper it was measured in.

Sources, by the short name used below:
    Stanisz: Stanisz et al., Magn Reson Med 2005;54:507 (T1 and T2 at 1.5 and 3 T, 37 degrees C).
    Wright: Wright et al., MAGMA 2008;21:121 (T1 of grey and white matter at 1.5 and 3 T, in vivo).
    Bazelaire: de Bazelaire et al., Radiology 2004;230:652 (T1 and T2 of body tissues at 1.5 and 3 T).
    Rooney: Rooney et al., Magn Reson Med 2007;57:308 (T1 of cerebrospinal fluid, the same at every field).
    Peters: Peters et al., Magn Reson Imaging 2007;25:748 (T2* of grey and white matter).
    Du: Du et al., J Magn Reson 2010;207:304 (cortical bone at 3 T, ultrashort echo times).
    Warntjes: Warntjes et al., Magn Reson Med 2008;60:320 (proton density of brain relative to water).
    assumed: no measurement is used; the value is that of the tissue named. So are all textures and, outside the brain,
        all proton densities: window and coil change grey levels by more than these could be wrong.
"""

import dataclasses
import enum

import numpy as np


class Tissue(enum.IntEnum):
    """Every kind of matter in the phantom; the value is its label in a label map."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BONE = 4
    MARROW = 5
    FATTY_MARROW = 6
    CSF = 7
    GREY = 8
    WHITE = 9
    CORD = 10
    DISC = 11
    LIGAMENT = 12
    MUCOSA = 13
    TONGUE = 14
    PITUITARY = 15
    NEUROHYPOPHYSIS = 16
    CHOROID = 17
    DURA = 18
    ARTERY = 19
    SINUS = 20
    VEIN = 21
    VITREOUS = 22
    LENS = 23
    NERVE = 24
    LESION = 25
    NECROSIS = 26
    OEDEMA = 27
    SHORT_T1 = 28


FLOWING = (Tissue.ARTERY, Tissue.SINUS, Tissue.VEIN)
"""Tissues that move between excitation and read-out."""


@dataclasses.dataclass(frozen=True)
class Properties:
    """Relaxation, proton density, contrast uptake and graininess of one tissue.

    Attributes:
        t1: ms at (1.5 T, 3 T).
        t2: ms at (1.5 T, 3 T).
        density: visible protons relative to water, 0..1.
        uptake: concentration of contrast agent a few minutes after injection, relative to blood plasma: the
            extracellular (or blood) fraction that no barrier closes off. 0.3 for dura and mucosa, 0.4 to 0.5 for gland,
            plexus and lesion are assumed.
        texture: relative standard deviation of the signal within the tissue.
    """

    t1: tuple[float, float]
    t2: tuple[float, float]
    density: float
    uptake: float = 0.0
    texture: float = 0.04


PROPERTIES: dict[Tissue, Properties] = {
    Tissue.AIR: Properties((1000, 1000), (1, 1), 0.0, texture=0.0),
    # Skin: muscle's relaxation assumed; the rim is thin and mixes with fat.
    Tissue.SKIN: Properties((900, 1100), (40, 40), 0.70, 0.15, 0.08),
    # Fat: Bazelaire, subcutaneous.
    Tissue.FAT: Properties((343, 382), (58, 68), 0.95, 0.02, 0.10),
    # Muscle: Stanisz; extracellular volume about 0.1.
    Tissue.MUSCLE: Properties((1008, 1412), (44, 50), 0.78, 0.10, 0.10),
    # Cortical bone: Du, 3 T (T1 223 ms, T2* 0.4 ms): dark at every echo time used here.
    Tissue.BONE: Properties((223, 223), (0.5, 0.4), 0.25, 0.0, 0.0),
    # Vertebral marrow: Bazelaire. Clivus and diploe are fattier: between marrow and fat, assumed.
    Tissue.MARROW: Properties((549, 586), (49, 49), 0.65, 0.08, 0.12),
    Tissue.FATTY_MARROW: Properties((400, 430), (55, 60), 0.85, 0.05, 0.12),
    # Fluid: T1 Rooney; T2 about 2 s, so that no T1-weighted echo time notices it.
    Tissue.CSF: Properties((4300, 4300), (2000, 2000), 1.0, 0.0, 0.01),
    # Grey and white matter: T1 Wright, T2 Stanisz, density Warntjes; uptake is their blood volume (5 and 2 %).
    Tissue.GREY: Properties((1197, 1607), (95, 99), 0.82, 0.05, 0.02),
    Tissue.WHITE: Properties((646, 838), (72, 69), 0.68, 0.02, 0.015),
    Tissue.CORD: Properties((745, 993), (74, 78), 0.70, 0.02, 0.03),  # Stanisz, spinal cord.
    Tissue.DISC: Properties((1024, 1168), (30, 27), 0.65, 0.03, 0.08),  # Stanisz, cartilage.
    # Ligament, dura, fascia: tendon-like, little signal; dura has leaky vessels.
    Tissue.LIGAMENT: Properties((800, 900), (8, 7), 0.55, 0.05, 0.10),
    Tissue.DURA: Properties((900, 1000), (20, 18), 0.60, 0.30, 0.05),
    # Mucosa, tongue: muscle's T1 assumed, longer T2 (more water).
    Tissue.MUCOSA: Properties((1000, 1300), (80, 75), 0.85, 0.28, 0.13),
    Tissue.TONGUE: Properties((850, 1150), (50, 50), 0.80, 0.10, 0.12),
    # Pituitary: grey and white matter's mean assumed; its posterior lobe is bright before contrast.
    Tissue.PITUITARY: Properties((900, 1200), (85, 85), 0.80, 0.45, 0.04),
    Tissue.NEUROHYPOPHYSIS: Properties((350, 450), (80, 80), 0.82, 0.45, 0.04),
    Tissue.CHOROID: Properties((1400, 1800), (120, 120), 0.88, 0.50, 0.15),
    # Blood: T1 and arterial T2 Stanisz, the shorter venous T2 assumed; uptake 1 - haematocrit.
    Tissue.ARTERY: Properties((1441, 1932), (290, 275), 0.85, 0.58, 0.03),
    Tissue.SINUS: Properties((1441, 1932), (254, 140), 0.85, 0.58, 0.08),
    Tissue.VEIN: Properties((1441, 1932), (254, 140), 0.85, 0.55, 0.03),
    Tissue.VITREOUS: Properties((3500, 3900), (1500, 1500), 0.99, 0.0, 0.01),
    Tissue.LENS: Properties((800, 1000), (25, 25), 0.70, 0.0, 0.03),
    Tissue.NERVE: Properties((815, 1083), (77, 78), 0.70, 0.02, 0.03),  # Stanisz, optic nerve.
    # Lesions: grey matter and fluid bracket what tumours and plaques show, assumed; the solid part has no barrier.
    Tissue.LESION: Properties((1250, 1550), (120, 120), 0.86, 0.40, 0.08),
    Tissue.NECROSIS: Properties((2400, 2700), (300, 300), 0.95, 0.03, 0.05),
    Tissue.OEDEMA: Properties((1350, 1600), (140, 140), 0.88, 0.02, 0.03),
    # Methaemoglobin, lipid, protein: as short as fat.
    Tissue.SHORT_T1: Properties((400, 450), (70, 65), 0.85, 0.02, 0.08),
}

FIELDS_TESLA = (1.5, 3.0)

R2_PRIME = (1.3, 4.7)
"""1/s at (1.5 T, 3 T): how much faster T2* decays than T2, the mean of Peters's 1/T2* less Stanisz's 1/T2 over grey and
white matter (66 and 84 ms against 72 and 95 ms at 1.5 T; 53 and 66 against 69 and 99 ms at 3 T)."""


@dataclasses.dataclass(frozen=True)
class Relaxation:
    """Properties of all tissues at one field, as arrays indexed by label.

    Attributes:
        t1, t2, t2_star: (len(Tissue),) float64, ms.
        density: (len(Tissue),) float64, relative to water.
    """

    t1: np.ndarray
    t2: np.ndarray
    t2_star: np.ndarray
    density: np.ndarray


def column(name: str) -> np.ndarray:
    """Returns one property of every tissue: float64 (len(Tissue),), or (len(Tissue), 2) for one given per field."""
    return np.array([getattr(PROPERTIES[tissue], name) for tissue in Tissue], dtype=np.float64)


def relaxation(field: float, spread: np.ndarray, concentration: np.ndarray, agent: "Agent | None") -> Relaxation:
    """Returns the tissues' properties at a field, with contrast agent in them.

    Solomon-Bloembergen: each relaxation rate grows by relaxivity times concentration.

    Args:
        field: 1.5 or 3.0 tesla.
        spread: (len(Tissue),) factors on T1, the difference between people.
        concentration: (len(Tissue),) mmol/L of contrast agent in each tissue; zeros before contrast.
        agent: the contrast agent, None before contrast.
    """
    which = FIELDS_TESLA.index(field)
    rate1 = 1.0 / (column("t1")[:, which] * spread)
    rate2 = 1.0 / column("t2")[:, which]
    if agent is not None:
        rate1 = rate1 + agent.r1[which] * concentration / 1000.0
        rate2 = rate2 + agent.r2[which] * concentration / 1000.0
    return Relaxation(1.0 / rate1, 1.0 / rate2, 1.0 / (rate2 + R2_PRIME[which] / 1000.0), column("density"))


@dataclasses.dataclass(frozen=True)
class Agent:
    """A gadolinium chelate.

    Attributes:
        r1, r2: relaxivity in L/(mmol s) in plasma at 37 degrees C at (1.5 T, 3 T).
    """

    r1: tuple[float, float]
    r2: tuple[float, float]


AGENTS: dict[str, Agent] = {
    # Rohrer et al., Invest Radiol 2005;40:715 (bovine plasma, 37 degrees C).
    "gadopentetate": Agent((4.1, 3.7), (4.6, 5.2)),
    "gadodiamide": Agent((4.3, 4.0), (5.2, 5.6)),
    "gadoterate": Agent((3.6, 3.5), (4.3, 4.9)),
    "gadobutrol": Agent((5.2, 5.0), (6.1, 7.1)),
}
