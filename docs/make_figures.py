"""Draws the figures of the README: `python docs/make_figures.py`."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from contrast_tfdata.phantom import PhantomOptions, SliceTruth, contact_sheet, generate_patient
from contrast_tfdata.phantom.tissue import Tissue

SEED = 71
TILE = 320
OPTIONS = PhantomOptions(
    slices_per_class=1,
    max_offset_mm=6.0,
    stripped_rate=0.0,
    mismatch_rate=0.0,
    lesion_rate=0.3,
    distractor_rate=0.0,
    defaced_rate=0.0,
    matched_rate=0.0,
    jpeg_rate=0.0,
    plasma=(0.7, 1.6),
)
"""Whole heads near the midline with full doses, scanned alike before and after: what enhances is easy to see."""
PARTS = {
    "S": (Tissue.SINUS, 0),
    "V": (Tissue.SINUS, 1),
    "C": (Tissue.CHOROID, 0),
    "P": (Tissue.PITUITARY, 0),
    "T": (Tissue.LESION, 0),
}
"""By letter: a tissue, and which of its connected parts that enhance, the largest first."""
ARROWS = {
    2: {"S": 110, "V": 260, "C": 315, "P": 315},
    10: {"V": 290, "C": 250},
    9: {"V": 280, "T": 225},
    6: {"S": 90, "C": 250, "P": 225},
}
"""By patient: the direction from which an arrow points at a part, in degrees from the right, counterclockwise."""
COLOUR = (255, 176, 0)


def main() -> None:
    """Writes docs/phantom.png: synthetic patients before (above) and after contrast (below), with arrows."""
    patients = [generate_patient(SEED, number, OPTIONS) for number in ARROWS]
    slices = [patient.pre[0] for patient in patients] + [patient.post[0] for patient in patients]
    picture = Image.fromarray(contact_sheet(slices, columns=len(ARROWS), tile=TILE)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for column, (patient, arrows) in enumerate(zip(patients, ARROWS.values(), strict=True)):
        for letter, degrees in arrows.items():
            row, place = place_of(patient.truth[0], *PARTS[letter])
            point = (column * TILE + place * TILE / OPTIONS.matrix, TILE + row * TILE / OPTIONS.matrix)
            draw_arrow(draw, point, math.radians(degrees), letter)
    colours = picture.quantize(128, dither=Image.Dither.NONE)
    colours.save(Path(__file__).parent / "phantom.png", optimize=True)


def place_of(truth: SliceTruth, tissue: Tissue, rank: int) -> tuple[int, int]:
    """Returns row and column of the pixel that lies nearest the middle of a tissue's part.

    Args:
        truth: of the slice.
        tissue: that enhances.
        rank: of the part among the tissue's connected ones, 0 for the largest.
    """
    labels, count = ndimage.label(truth.enhancing & (truth.tissue == tissue), np.ones((3, 3)))
    sizes = ndimage.sum_labels(labels > 0, labels, range(1, count + 1))
    pixels = np.argwhere(labels == 1 + np.argsort(-sizes, kind="stable")[rank])
    row, column = pixels[((pixels - pixels.mean(0)) ** 2).sum(1).argmin()]
    return int(row), int(column)


def draw_arrow(draw: ImageDraw.ImageDraw, point: tuple[float, float], angle: float, letter: str) -> None:
    """Draws an arrow that ends short of a point, and a letter at its other end.

    Args:
        draw: of the picture.
        point: x, y in pixels.
        angle: from which it comes, in radians counterclockwise from the right.
        letter: what the legend calls the point.
    """

    def at(distance: float, turned: float = 0.0) -> tuple[float, float]:
        return point[0] + distance * math.cos(angle + turned), point[1] - distance * math.sin(angle + turned)

    draw.line([at(12), at(34)], COLOUR, 3)
    draw.polygon([at(4), at(15, 0.4), at(15, -0.4)], COLOUR)
    draw.text(at(44), letter, COLOUR, ImageFont.load_default(18), anchor="mm")


if __name__ == "__main__":
    main()
