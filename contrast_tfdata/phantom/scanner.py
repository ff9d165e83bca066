"""From signal to picture: coil, resolution, noise and what the reading room does to the grey levels."""

import dataclasses
import io

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from contrast_tfdata.images.histogram import match_foreground
from contrast_tfdata.phantom import drawing
from contrast_tfdata.phantom.options import PhantomOptions
from contrast_tfdata.phantom.other_sequences import OtherSequence, draw_other_sequence
from contrast_tfdata.phantom.sequences import Sequence, draw_sequence
from contrast_tfdata.phantom.tissue import FIELDS_TESLA, FLOWING, Tissue, relaxation


@dataclasses.dataclass(frozen=True)
class Acquisition:
    """How one series was acquired.

    Attributes:
        field: tesla.
        sequence: with its times and angles.
        dephasing: {flowing tissue: share of its signal that flow leaves}.
        inflow: {flowing tissue: share of spins that arrive fresh}.
        filling: {thin tissue: share of the slice's thickness that it fills, where the brain fills the rest}.
        fat_left: share of fat signal left by fat saturation, 1 without it.
        resolution: acquired samples along (rows, columns) relative to the image's matrix, 0..1.
        noise: standard deviation per channel relative to the mean signal of the head.
        coil: (5,) weights of the coil's smooth sensitivity, log units: two slopes, two saddles, and how much more an
            array's elements see of what lies near them, at the picture's edge.
        ringing: whether k-space is cut sharply (Gibbs ringing) or filtered.
        blocks: whether the picture is a cut across thick slices, each of which is seen as a band.
    """

    field: float
    sequence: Sequence | OtherSequence
    dephasing: dict[Tissue, float]
    inflow: dict[Tissue, float]
    filling: dict[Tissue, float]
    fat_left: float
    resolution: tuple[float, float]
    noise: float
    coil: np.ndarray
    ringing: bool
    blocks: bool


def draw_acquisition(
    rng: np.random.Generator, *, even: bool = False, mostly_volumes: bool = False, other: bool = False
) -> Acquisition:
    """Draws a scanner and a protocol.

    Args:
        rng: draws them.
        even: whether the coil's sensitivity was corrected for, of which about an eighth is then left.
        mostly_volumes: whether three protocols in four are three-dimensional and the finer direction is sampled at 0.75
            of the matrix or more, as of volumes whose skull was stripped.
        other: whether it is not T1-weighted.
    """
    coarse = rng.uniform(0.75 if mostly_volumes else 0.55, 1.0)
    # One series in ten was acquired in another plane with thick slices and is seen here edge on.
    edge_on = rng.random() < 0.1
    thick = rng.uniform(0.16, 0.35) if edge_on else coarse * rng.uniform(0.75, 1.0)
    resolution = (coarse, thick) if rng.random() < 0.5 else (thick, coarse)
    sequence = draw_other_sequence(rng) if other else draw_sequence(rng, mostly_volumes=mostly_volumes)
    flow = zip(FLOWING, _DEPHASING_IN_VOLUMES if sequence.volumetric else _DEPHASING, strict=True)
    return Acquisition(
        field=float(rng.choice(FIELDS_TESLA)),
        sequence=sequence,
        dephasing={tissue: rng.uniform(*limits) for tissue, limits in flow},
        inflow=_draw_inflow(rng, sequence),
        filling=_draw_filling(rng, sequence),
        fat_left=rng.uniform(0.1, 0.4) if rng.random() < (0.35 if other else 0.12) else 1.0,
        resolution=resolution,
        noise=float(np.exp(rng.uniform(np.log(0.008), np.log(0.08)))),
        coil=np.append(rng.normal(0.0, rng.uniform(0.03, 0.2), 4), rng.beta(1.2, 2.0)) * (0.12 if even else 1.0),
        ringing=bool(rng.random() < 0.5),
        blocks=edge_on and bool(rng.random() < 0.5),
    )


_DEPHASING = ((0.0, 0.4), (0.3, 1.0), (0.5, 1.0))
_DEPHASING_IN_VOLUMES = ((0.3, 1.0), (0.75, 1.0), (0.85, 1.0))
"""Least and most signal that flow leaves in arteries, sinuses and small veins: the faster, the less.

Spins must see both pulses of a spin echo; a gradient echo of a volume has one pulse and a short echo time.
"""


_FILLING = {Tissue.VEIN: 0.35, Tissue.ARTERY: 0.5, Tissue.CHOROID: 0.45, Tissue.SINUS: 0.75}
"""Least share that a tissue fills of a slice of 6 mm; partitions of a volume are 1 mm thick, and it fills them."""


def _draw_filling(rng: np.random.Generator, sequence: Sequence) -> dict[Tissue, float]:
    """Draws how much of a thin tissue's signal is left in a slice: thick slices dilute it, thin ones do not."""
    thickness = rng.uniform(0.0, 0.4) if sequence.volumetric else rng.uniform(0.3, 1.0)
    return {tissue: 1.0 - thickness * (1.0 - least) for tissue, least in _FILLING.items()}


def filling(acquisition: Acquisition) -> np.ndarray:
    """Returns (len(Tissue),) float32: the share of a painted tissue's own signal; 0 for air, which is not painted."""
    shares = np.ones(len(Tissue), dtype=np.float32)
    shares[Tissue.AIR] = 0.0
    for tissue, share in acquisition.filling.items():
        shares[tissue] = share
    return shares


def _draw_inflow(rng: np.random.Generator, sequence: Sequence) -> dict[Tissue, float]:
    """Draws how much blood arrives fresh; hardly any in 60 % of series, little in an excited volume."""
    most = (0.9, 0.6, 0.35) if rng.random() < 0.4 else (0.15, 0.05, 0.05)
    reach = 0.2 if sequence.volumetric else 1.0
    return {tissue: rng.uniform(0.0, reach * limit) for tissue, limit in zip(FLOWING, most, strict=True)}


def tissue_signal(acquisition: Acquisition, spread, concentration, agent) -> np.ndarray:
    """Returns (len(Tissue),) float32 signal of every tissue; arguments as for `tissue.relaxation`."""
    tissues = relaxation(acquisition.field, spread, concentration, agent)
    signal = acquisition.sequence.signal(tissues)
    fresh = acquisition.sequence.fresh(tissues)
    for tissue in FLOWING:
        share = acquisition.inflow[tissue]
        signal[tissue] = (1.0 - share) * signal[tissue] * acquisition.dephasing[tissue] + share * fresh[tissue]
    for tissue in (Tissue.FAT, Tissue.FATTY_MARROW):
        signal[tissue] *= acquisition.fat_left
    return signal.astype(np.float32)


def acquire(signal: np.ndarray, acquisition: Acquisition, rng: np.random.Generator) -> np.ndarray:
    """Returns the magnitude image of a signal map.

    Sensitivity multiplies the signal, k-space is sampled out to the resolution with complex Gaussian noise in it, and
    the magnitude of the inverse transform has Rician noise (Gudbjartsson and Patz, Magn Reson Med 1995;34:910).

    Args:
        signal: (2 n, 2 n) float32, on the painting canvas.
        acquisition: the series'.
        rng: draws the noise.

    Returns:
        (n, n) float32, 0 or more.
    """
    side = signal.shape[0] // 2
    received = signal * sensitivity(acquisition.coil, signal.shape[0])
    level = acquisition.noise * max(float(received[received > 0].mean()) if (received > 0).any() else 0.0, 1e-6)
    # Averaging the canvas's pixel pairs is its anti-aliasing, and leaves a quarter of the transform's work.
    halved = received.reshape(side, 2, side, 2).mean(axis=(1, 3))
    spectrum = fft.fft2(halved, overwrite_x=True)
    noise = rng.standard_normal((2, side, side), dtype=np.float32) * np.float32(level * side)
    spectrum += noise[0] + 1j * noise[1]
    rows, columns = (_window(side, share, acquisition.ringing) for share in acquisition.resolution)
    spectrum *= rows[:, None] * columns[None, :]
    magnitude = np.abs(fft.ifft2(spectrum, overwrite_x=True)).astype(np.float32)
    return _in_bands(magnitude, acquisition.resolution) if acquisition.blocks else magnitude


def _in_bands(magnitude: np.ndarray, resolution: tuple[float, float]) -> np.ndarray:
    """Returns the picture with each thick slice's one sample repeated over its thickness."""
    axis = int(np.argmin(resolution))
    thickness = round(1.0 / resolution[axis])
    places = np.arange(magnitude.shape[axis])
    middles = np.minimum(places // thickness * thickness + thickness // 2, len(places) - 1)
    return magnitude.take(middles, axis)


def _window(side: int, share: float, sharp: bool) -> np.ndarray:
    """Returns (side,) float32: which frequencies were acquired, softened unless sharp."""
    frequency = np.abs(np.fft.fftfreq(side)) * 2.0 / share
    if sharp:
        return np.clip((1.0 - frequency) * 20.0, 0.0, 1.0).astype(np.float32)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip(frequency, 0.0, 1.0))).astype(np.float32) ** 0.6


def sensitivity(coil: np.ndarray, side: int) -> np.ndarray:
    """Returns (side, side) float32: exp of a quadratic in the coordinates (-1..1), 1 at the middle."""
    axis = np.linspace(-1.0, 1.0, side, dtype=np.float32)
    rows, columns = axis[:, None], axis[None, :]
    a, b, c, d, e = (np.float32(weight) for weight in coil)
    slope, saddle = 2 * a * rows + 2 * b * columns, c * (rows**2 - columns**2) + d * rows * columns
    return np.exp(slope + 1.5 * saddle + e * np.minimum(rows**2 + columns**2, 1.0))


@dataclasses.dataclass(frozen=True)
class Display:
    """How a magnitude image became an 8-bit picture.

    Attributes:
        top: grey level of the window's upper end, relative to the 99th percentile of the head.
        headroom: its least, relative to the brain's bright end: who sets a window looks at the brain.
        bottom: grey level of the window's lower end, relative to the brain's bright end.
        gamma: exponent on the values, after the window and the matching.
        matched: whether a pipeline gave the picture a histogram, as some do before they compare scanners.
        jpeg_quality: 0 where the picture was never a JPEG.
    """

    top: float
    headroom: float
    bottom: float
    gamma: float
    matched: bool
    jpeg_quality: int


def draw_display(rng: np.random.Generator, options: PhantomOptions) -> Display:
    """Draws a window; independent of contrast, so that brightness tells little."""
    jpeg = rng.random() < options.jpeg_rate
    return Display(
        top=float(np.exp(rng.uniform(np.log(0.55), np.log(1.9)))),
        headroom=float(rng.uniform(0.95, 1.5)),
        # Half of all windows make fluid, at 0.15 to 0.45 of white matter, darker than it is, some black: assumed.
        bottom=float(rng.uniform(-0.06, 0.06) if rng.random() < 0.5 else rng.uniform(0.06, 0.3)),
        gamma=float(np.exp(rng.normal(0.0, 0.18))),
        matched=bool(rng.random() < options.matched_rate),
        jpeg_quality=int(rng.integers(45, 95)) if jpeg else 0,
    )


def develop(magnitude: np.ndarray, display: Display, brain: np.ndarray) -> np.ndarray:
    """Returns the (n, n) uint8 picture of a magnitude image (n, n).

    Args:
        magnitude: 0 or more.
        display: the window.
        brain: (n, n) bool, where the brain is.
    """
    reference = _bright_end(magnitude[magnitude > 0.25 * magnitude.mean()], 99.0)
    bright = _bright_end(magnitude[brain], 95.0)
    bottom, top = display.bottom * bright, max(display.top * reference, display.headroom * bright)
    windowed = np.clip((magnitude - bottom) / max(top - bottom, 1e-9), 0.0, 1.0)
    windowed[magnitude == 0.0] = 0.0  # What a stripping tool has removed stays black in any window.
    if display.matched:  # Before the gamma, which a matching would undo: pipelines differ in their histograms.
        windowed = match_foreground(np.rint(255.0 * windowed).astype(np.uint8)) / 255.0
    pixels = np.rint(255.0 * windowed**display.gamma).astype(np.uint8)
    return _through_jpeg(pixels, display.jpeg_quality) if display.jpeg_quality else pixels


def _bright_end(values: np.ndarray, percentile: float) -> float:
    return float(np.percentile(values[::7], percentile)) if values.size else 0.0


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def stripped(distance: np.ndarray, reach: float, pieces: float, rng: np.random.Generator) -> np.ndarray:
    """Returns (n, n) bool: what a skull-stripping tool leaves.

    Args:
        distance: (2 n, 2 n) float32, mm outside the brain on the canvas, negative inside.
        reach: mm that the tool leaves around the brain on average, or takes from it where negative; its edge is ragged.
        pieces: how far, about, the pieces of skull, fat or sinus reach outside of that or of the brain that a tool took
            for brain, mm for each standard deviation of a noise above its 82nd percentile; 0 for none.
        rng: draws the raggedness and the pieces.
    """
    away = distance[::2, ::2]
    ragged = reach + max(0.4 * abs(reach), 0.2) * drawing.noise_field(rng, away.shape, 12.0)
    beyond = pieces * np.maximum(drawing.noise_field(rng, away.shape, 20.0) - 0.9, 0.0)
    edge = np.where(beyond > 0.0, np.maximum(ragged, 0.0) + beyond, ragged)
    kept = ndimage.binary_opening(away < edge, iterations=2)
    regions, count = ndimage.label(kept)
    return regions == 1 + np.argmax(np.bincount(regions.ravel())[1:]) if count else kept


def defaced(grid: np.ndarray, slope: float) -> np.ndarray:
    """Returns (n, n) bool: what a defacing tool leaves.

    Args:
        grid: (2 n, 2 n, 2) float32 anatomical (y, z) of the canvas pixels.
        slope: mm of height that the cut falls for each mm towards the back; it starts at the brow.
    """
    y, z = grid[::2, ::2, 0], grid[::2, ::2, 1]
    return (z > -8.0 - slope * np.maximum(74.0 - y, 0.0)) | (y < 0.0)
