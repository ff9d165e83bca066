"""Where the parts of a head lie: outlines in the sagittal plane, in mm of the ICBM152 template.

Drawn by hand around the template's brain from standard landmarks (nasion at y 84, z -40; inion at y -108, z -30; basion
at y -26, z -64; hard palate at z -85; chin at z -146) and the usual sizes of what lies between them. Each outline holds
in one sagittal plane and shrinks to nothing over its half width, as an ellipsoid would.
"""

import dataclasses

import numpy as np

from contrast_tfdata.phantom.tissue import Tissue


@dataclasses.dataclass(frozen=True)
class Part:
    """One painted structure.

    Attributes:
        tissue: what it is made of.
        outline: (n, 2) (y, z) control points in mm of a closed smooth curve.
        x: distance of its centre from the midline in mm; other than 0, there is one on either side.
        half_width: mm from there to where it ends.
        rim: mm of cortical bone around it, 0 for none.
    """

    tissue: Tissue
    outline: np.ndarray
    x: float = 0.0
    half_width: float = 10.0
    rim: float = 0.0


def _part(tissue: Tissue, points: list, *, x: float = 0.0, half_width: float = 10.0, rim: float = 0.0) -> Part:
    return Part(tissue, np.array(points, dtype=np.float64), x, half_width, rim)


def ellipse(y: float, z: float, length: float, height: float, angle: float = 0.0) -> list[tuple[float, float]]:
    """Returns eight points of an ellipse centred on (y, z), length by height mm, turned by angle degrees."""
    turn = np.deg2rad(angle)
    around = np.linspace(0.0, 2 * np.pi, 8, endpoint=False)
    long, high = length / 2 * np.cos(around), height / 2 * np.sin(around)
    return list(
        zip(y + long * np.cos(turn) - high * np.sin(turn), z + long * np.sin(turn) + high * np.cos(turn), strict=True)
    )


# Glabella, nose, lips, chin, throat, then up the neck to the inion and back through the brain.
_PROFILE_MIDLINE = [
    (80, 8), (86, -20), (85, -38), (96, -54), (111, -70), (111, -79), (97, -85), (99, -95), (95, -102), (98, -110),
    (88, -120), (90, -134), (82, -146), (60, -150), (38, -153), (26, -168), (22, -240), (-108, -240), (-103, -160),
    (-102, -120), (-106, -86), (-112, -56), (-108, -30), (-80, 0), (0, 0),
]  # fmt: skip
# The same landmarks 30 mm to the side: brow, orbit, cheek, jaw.
_PROFILE_LATERAL = [
    (74, 8), (80, -20), (76, -36), (77, -50), (79, -66), (79, -76), (78, -84), (77, -95), (76, -102), (75, -110),
    (71, -120), (67, -134), (56, -146), (42, -149), (28, -153), (16, -168), (12, -240), (-94, -240), (-90, -160),
    (-88, -120), (-92, -86), (-98, -56), (-98, -30), (-70, 0), (0, 0),
]  # fmt: skip

# Above this line skull surrounds the brain at an even distance; below it the base and face are painted part by part.
_VAULT_MIDLINE = [
    (120, -26), (62, -33), (36, -29), (12, -33), (-4, -38), (-22, -66), (-60, -70), (-82, -74), (-140, -62),
    (-140, 130), (120, 130),
]  # fmt: skip
_VAULT_LATERAL = [
    (120, -26), (62, -28), (46, -24), (34, -46), (18, -56), (-12, -54), (-40, -66), (-70, -72), (-140, -60),
    (-140, 130), (120, 130),
]  # fmt: skip


def profile(x: float) -> np.ndarray:
    """Returns (25, 2) control points of the face and neck in the plane x mm from the midline."""
    return _between(_PROFILE_MIDLINE, _PROFILE_LATERAL, x, reach=18.0)


def vault(x: float) -> np.ndarray:
    """Returns (11, 2) corners of the region in which the skull follows the brain."""
    return _between(_VAULT_MIDLINE, _VAULT_LATERAL, x, reach=30.0)


def _between(midline: list, lateral: list, x: float, reach: float) -> np.ndarray:
    share = min(abs(x) / reach, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    return (1.0 - share) * np.array(midline, dtype=np.float64) + share * np.array(lateral, dtype=np.float64)


FACE: tuple[Part, ...] = (
    # Nasal cavity: air, then turbinates beside the midline and the septum in it.
    _part(Tissue.AIR, [(96, -60), (100, -76), (88, -83), (60, -83), (34, -80), (24, -66), (34, -50), (66, -42),
          (84, -48)],
          half_width=16),
    _part(Tissue.MUCOSA, ellipse(61, -74, 66, 15, 3), x=7.5, half_width=7.5),
    _part(Tissue.MUCOSA, ellipse(56, -58.5, 52, 14, 8), x=6.5, half_width=7.0),
    _part(Tissue.MUCOSA, ellipse(50, -47, 34, 8, 10), x=5.5, half_width=6.0),
    _part(Tissue.MUCOSA, [(98, -60), (104, -76), (90, -84), (60, -83), (34, -80), (27, -66), (34, -48), (66, -40),
          (86, -46)],
          half_width=4.5),
    _part(Tissue.DISC, [(94, -58), (100, -72), (84, -74), (60, -66), (60, -46), (84, -48)], half_width=3.0),
    # Ethmoid cells and frontal sinus.
    _part(Tissue.AIR, [(74, -38), (72, -48), (50, -50), (32, -46), (32, -37), (52, -36)], x=8, half_width=7, rim=1.0),
    _part(Tissue.MUCOSA, ellipse(41, -43, 2.6, 13, 30), x=6, half_width=9),
    _part(Tissue.MUCOSA, ellipse(51, -44, 3.2, 11, -25), x=8, half_width=9),
    _part(Tissue.MUCOSA, ellipse(63, -41, 4.0, 10, 10), x=7, half_width=9),
    _part(Tissue.MUCOSA, ellipse(46, -41, 20, 1.8, 18), x=5, half_width=9),
    _part(Tissue.AIR, [(77, -15), (79, -26), (77, -35), (72, -34), (72, -24), (74, -15)], half_width=18, rim=1.6),
    _part(Tissue.AIR, ellipse(54, -71, 34, 24), x=27, half_width=14, rim=1.6),
    # Mouth: palate, teeth, tongue, jaw.
    _part(Tissue.FATTY_MARROW, [(88, -87), (64, -87), (40, -85), (40, -83.5), (64, -84.5),
          (88, -84)], half_width=22, rim=1.6),
    _part(Tissue.BONE, ellipse(87, -98, 7, 17, 95), half_width=18),
    _part(Tissue.BONE, ellipse(86, -113, 6, 15, 85), half_width=18),
    _part(Tissue.FAT, ellipse(44, -106, 22, 30, 15), x=36, half_width=13),
    _part(Tissue.BONE, ellipse(60, -97, 22, 10, 0), x=25, half_width=7),
    _part(Tissue.BONE, ellipse(57, -112, 24, 9, 0), x=25, half_width=7),
    _part(Tissue.TONGUE, [(10, -114), (19, -98), (42, -90), (66, -91), (81, -96), (84, -108), (78, -122),
          (58, -141), (32, -144),
          (14, -134)], half_width=25),
    _part(Tissue.FAT, ellipse(62, -126, 16, 5, 40), half_width=8),
    _part(Tissue.MUCOSA, [(42, -82), (40, -89), (28, -92), (16, -104), (11, -104), (18, -90),
          (30, -82)], half_width=14),
    _part(Tissue.MARROW, ellipse(81, -131, 9, 22, -12), half_width=14, rim=2.0),
    _part(Tissue.MARROW, ellipse(58, -132, 26, 14, 8), x=27, half_width=10, rim=2.2),
    # Pharynx, larynx entrance.
    _part(Tissue.AIR, [(32, -78), (32, -66), (22, -61), (11, -66), (2, -79), (-3, -98), (-7, -122), (-5, -142),
          (0, -165), (2, -240), (13, -240),
          (9, -165), (2, -142), (-1, -122), (1, -107), (7, -96), (16, -85), (26, -80)], half_width=13),
    _part(Tissue.MUCOSA, [(0, -116), (3, -128), (3, -142), (-1, -136), (-2, -124)], half_width=9),
)  # fmt: skip
"""Face and airway, painted in this order."""

ORBIT: tuple[Part, ...] = (
    _part(Tissue.FAT, [(72, -29), (74, -50), (58, -56), (36, -46), (24, -38), (40, -28), (58, -25)],
          x=31, half_width=18, rim=1.8),
    _part(Tissue.MUSCLE, ellipse(46, -31, 36, 4.5, 6), x=31, half_width=6),
    _part(Tissue.MUSCLE, ellipse(46, -51, 36, 4.5, -12), x=31, half_width=6),
    _part(Tissue.NERVE, ellipse(38, -40, 34, 4.5, 6), x=26, half_width=6),
    _part(Tissue.LIGAMENT, ellipse(62, -40, 26, 25.5), x=32, half_width=13),
    _part(Tissue.VITREOUS, ellipse(62, -40, 23.5, 23), x=32, half_width=12),
    _part(Tissue.LENS, ellipse(70.5, -40, 4.5, 9), x=32, half_width=5),
)  # fmt: skip
"""Eye and what moves it."""

BASE: tuple[Part, ...] = (
    _part(Tissue.FATTY_MARROW, [(-8, -30), (-13, -46), (-25, -63), (-19, -67), (-6, -58), (4, -46), (10, -40),
          (2, -36), (-4, -30)],
          half_width=13, rim=1.2),
    _part(Tissue.AIR, [(8, -40), (14, -35), (26, -33), (32, -40), (27, -52), (12, -55),
          (4, -48)], half_width=13, rim=1.2),
    _part(Tissue.CSF, [(-6, -20), (-7, -28), (2, -31), (11, -29), (14, -22), (6, -17)], half_width=12),
    _part(Tissue.BONE, [(-6, -47), (-22, -37), (-38, -43), (-44, -58), (-26, -65), (-10, -58)], x=32, half_width=16),
    _part(Tissue.FATTY_MARROW, ellipse(-14, -50, 11, 6, 25), x=26, half_width=9),
    _part(Tissue.FATTY_MARROW, ellipse(-34, -55, 11, 8, -20), x=33, half_width=12),
    _part(Tissue.CSF, ellipse(-26, -46, 7, 4, 10), x=24, half_width=7),
    _part(Tissue.PITUITARY, ellipse(4.5, -33, 11, 6.5, 4), half_width=7.5),
    _part(Tissue.NEUROHYPOPHYSIS, ellipse(0.2, -33, 3.2, 4.5), half_width=3.5),
    _part(Tissue.PITUITARY, [(1.2, -31), (3.2, -31), (3.0, -25), (1.2, -19), (-1.0, -19),
          (1.0, -25)], half_width=2.4),
)  # fmt: skip
"""Skull base and pituitary gland."""

SPINE: tuple[Part, ...] = (
    _part(Tissue.MARROW, ellipse(-20, -75, 6, 11), half_width=9, rim=1.4),  # Anterior arch of the atlas.
    _part(Tissue.MARROW, [(-26, -68), (-34, -68), (-37, -84), (-38, -103), (-20, -104),
          (-22, -86)], half_width=9, rim=1.2),
    _part(Tissue.DISC, ellipse(-28.5, -106, 16, 5), half_width=10),
    _part(Tissue.MARROW, [(-20, -109), (-37, -109), (-38, -115), (-37, -122), (-20, -122),
          (-21, -115)], half_width=11, rim=1.0),
    _part(Tissue.DISC, ellipse(-28, -125, 16, 5), half_width=10),
    _part(Tissue.MARROW, [(-19, -128), (-36, -128), (-37, -134), (-36, -141), (-19, -141),
          (-20, -134)], half_width=11, rim=1.0),
    _part(Tissue.DISC, ellipse(-27, -144, 16, 5), half_width=10),
    _part(Tissue.MARROW, [(-17, -147), (-34, -147), (-35, -153), (-34, -160), (-17, -160),
          (-18, -153)], half_width=11, rim=1.0),
    _part(Tissue.DISC, ellipse(-24, -163, 16, 5), half_width=10),
    _part(Tissue.MARROW, [(-14, -166), (-31, -166), (-32, -172), (-31, -180), (-14, -180),
          (-15, -172)], half_width=11, rim=1.0),
    _part(Tissue.MARROW, [(-11, -184), (-28, -184), (-29, -191), (-28, -200), (-11, -200),
          (-12, -191)], half_width=11, rim=1.0),
    # Arches and spinous processes.
    _part(Tissue.MARROW, ellipse(-64, -80, 8, 7), half_width=9, rim=1.2),
    _part(Tissue.MARROW, ellipse(-70, -99, 24, 10, 18), half_width=6, rim=1.2),
    _part(Tissue.MARROW, ellipse(-66, -116, 16, 6, 18), half_width=5, rim=1.0),
    _part(Tissue.MARROW, ellipse(-65, -133, 16, 6, 18), half_width=5, rim=1.0),
    _part(Tissue.MARROW, ellipse(-66, -151, 18, 6, 20), half_width=5, rim=1.0),
    _part(Tissue.MARROW, ellipse(-68, -171, 24, 7, 20), half_width=5, rim=1.0),
    # Joints beside the canal.
    *(_part(Tissue.MARROW, ellipse(-40, z, 17, 11, 35), x=17, half_width=9, rim=0.7)
      for z in (-76, -92, -108, -124, -141, -158, -175)),
)  # fmt: skip
"""Cervical spine."""

CANAL = np.array(
    [(-43, -58), (-45, -72), (-46, -90), (-47, -110), (-46, -130), (-44, -150), (-40, -175), (-36, -240)], dtype=float
)
"""Course of the spinal canal's middle, (n, 2) mm; the medulla enters at the top."""

CANAL_WIDTHS_MM = {Tissue.LIGAMENT: 18.0, Tissue.CSF: 15.0, Tissue.CORD: 8.5}
"""Widths of the tube that surrounds the dural sac, of the sac, and of the cord, painted in this order."""

CANAL_HALF_WIDTHS_MM = {Tissue.LIGAMENT: 12.0, Tissue.CSF: 10.0, Tissue.CORD: 6.0}
