"""Puts a synthetic patient together: one anatomy, scanned before and after contrast."""

import dataclasses

import numpy as np

from contrast_tfdata.images.slices import Slice
from contrast_tfdata.phantom import brain, drawing, geometry, head, lesions, scanner, vessels
from contrast_tfdata.phantom.options import DEFAULT_OPTIONS, PhantomOptions
from contrast_tfdata.phantom.template import load_template
from contrast_tfdata.phantom.tissue import AGENTS, Agent, Tissue, column

_ANATOMY, _SCAN, _SLICE, _IMAGE, _STRIP = range(5)
"""First words of the random streams, so that no draw of one kind shifts those of another."""


ENHANCING_MMOL = 0.1
"""Contrast agent from which a tissue counts as enhancing, mmol/L: it raises grey matter's 1/T1 by about a half."""


BEHIND_BARRIER = (Tissue.GREY, Tissue.WHITE, Tissue.CSF, Tissue.CORD, Tissue.NERVE)
"""Tissues that contrast agent does not enter, but for the blood in them."""


@dataclasses.dataclass(frozen=True)
class SliceTruth:
    """What a slice shows, known because it was painted; nothing where the skull or the face was removed.

    Attributes:
        tissue: (matrix, matrix) uint8, the `Tissue` that fills most of each pixel.
        concentration: (matrix, matrix) float32, mmol/L of contrast agent after contrast.
    """

    tissue: np.ndarray
    concentration: np.ndarray

    @property
    def enhancing(self) -> np.ndarray:
        """(matrix, matrix) bool: where agent flows or leaks; the little blood behind the brain's barrier is no part."""
        return (self.concentration >= ENHANCING_MMOL) & ~np.isin(self.tissue, BEHIND_BARRIER)


@dataclasses.dataclass(frozen=True)
class PhantomPatient:
    """What a synthetic patient's two series look like.

    Attributes:
        pre: slices before contrast; pixels (matrix, matrix) uint8, index the slice's number.
        post: slices after contrast, of the same planes in the same order.
        truth: of each plane, the same for both.
    """

    pre: tuple[Slice, ...]
    post: tuple[Slice, ...]
    truth: tuple[SliceTruth, ...]


@dataclasses.dataclass(frozen=True)
class _Person:
    """Everything about a patient that all slices share."""

    pose: geometry.Pose
    cortex: brain.Cortex
    head: head.HeadShape
    vessels: vessels.VesselShape
    spots: tuple[lesions.Spot, ...]
    offsets: tuple[float, ...]
    relaxation_spread: np.ndarray
    stripped: bool
    strip_reach: float
    strip_pieces: float
    defaced: bool
    deface_slope: float


@dataclasses.dataclass(frozen=True)
class _Series:
    """One acquisition of a patient: how it was made, each tissue's signal, and mmol/L of contrast agent in it."""

    acquisition: scanner.Acquisition
    display: scanner.Display
    signal: np.ndarray
    concentration: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Scene:
    """One slice's matter on the canvas, before any physics."""

    grid: np.ndarray
    labels: np.ndarray
    overlay: np.ndarray
    brain: brain.BrainSlice
    texture: np.ndarray


def generate_patient(seed: int, patient: int, options: PhantomOptions = DEFAULT_OPTIONS) -> PhantomPatient:
    """Generates a patient, the same for the same arguments in any order and process.

    Args:
        seed: of the data set, 0 or more.
        patient: number within it, 0 or more.
        options: sizes and rates.

    Raises:
        ValueError: seed or patient is negative.
        DataError: the brain maps are not installed.
    """
    count = options.slices_per_class
    return render(seed, patient, options, count, count)


def render(seed: int, patient: int, options: PhantomOptions, pre: int, post: int) -> PhantomPatient:
    """Returns the first `pre` slices before contrast and the first `post` after it; the rest is not computed.

    Args:
        seed: of the data set, as for `generate_patient`, whose slices these are.
        patient: number within it.
        options: sizes and rates.
        pre: 0 to options.slices_per_class.
        post: the same after contrast.

    Raises:
        ValueError: seed or patient is negative, or more slices are asked for than the options give.
    """
    if seed < 0 or patient < 0:
        raise ValueError(f"seed and patient must be 0 or more. Received: seed={seed}, patient={patient}")
    if not (0 <= pre <= options.slices_per_class and 0 <= post <= options.slices_per_class):
        raise ValueError(f"At most {options.slices_per_class} slices per class. Received: pre={pre}, post={post}")
    person = _draw_person(np.random.default_rng([_ANATOMY, seed, patient]), options)
    series = _draw_series(np.random.default_rng([_SCAN, seed, patient]), person, options)
    images: tuple[list[Slice], list[Slice]] = ([], [])
    truth = []
    for number in range(max(pre, post)):
        scene = _paint(person, number, options, np.random.default_rng([_SLICE, seed, patient, number]))
        kept = _kept(scene, person, np.random.default_rng([_STRIP, seed, patient, number]))
        truth.append(_truth(scene, kept, series[1].concentration))
        for contrast, wanted in enumerate((pre, post)):
            if number < wanted:
                rng = np.random.default_rng([_IMAGE, seed, patient, number, contrast])
                pixels = _picture(scene, kept, series[contrast], rng)
                spacing = person.pose.field_of_view / options.matrix
                images[contrast].append(Slice(pixels, index=number, spacing=(spacing, spacing)))
    return PhantomPatient(tuple(images[0]), tuple(images[1]), tuple(truth))


def _draw_person(rng: np.random.Generator, options: PhantomOptions) -> _Person:
    cortex = brain.draw_cortex(rng)
    stripped = bool(rng.random() < options.stripped_rate)
    return _Person(
        pose=geometry.draw_pose(rng, around_brain=stripped and rng.random() < 0.6),
        cortex=cortex,
        head=head.draw_head(rng, cortex.atrophy),
        vessels=vessels.draw_vessels(rng),
        spots=lesions.draw_spots(rng, options),
        offsets=_draw_offsets(rng, options),
        relaxation_spread=np.exp(rng.normal(0.0, 0.06, len(Tissue))),
        stripped=stripped,
        strip_reach=float(rng.uniform(-3.0, 3.0)),
        # Half of the results are clean; the others show bright rims before contrast, too.
        strip_pieces=float(rng.uniform(0.0, 6.0)) if rng.random() < 0.5 else 0.0,
        defaced=not stripped and bool(rng.random() < options.defaced_rate),
        deface_slope=float(rng.uniform(0.6, 1.6)),
    )


def _draw_offsets(rng: np.random.Generator, options: PhantomOptions) -> tuple[float, ...]:
    """Draws where the slices lie: in turn within 6 mm of the midline and up to the largest offset away."""
    inner = min(6.0, options.max_offset_mm)
    limits = [
        (0.0, inner) if number % 2 == 0 else (inner, options.max_offset_mm)
        for number in range(options.slices_per_class)
    ]
    return tuple(float(rng.uniform(*limit) * rng.choice([-1, 1])) for limit in limits)


def _draw_series(rng: np.random.Generator, person: _Person, options: PhantomOptions) -> tuple[_Series, _Series]:
    # Pipelines that strip the skull mostly get volumes, and mostly even out the coil's sensitivity first.
    pipeline = {"even": person.stripped and rng.random() < 0.7, "mostly_volumes": person.stripped}
    before = scanner.draw_acquisition(rng, **pipeline)
    other = scanner.draw_acquisition(rng, **pipeline)
    after = other if rng.random() < options.mismatch_rate else before
    agent = AGENTS[str(rng.choice(sorted(AGENTS)))]
    concentration = _draw_concentration(rng, options)
    spread = person.relaxation_spread
    nothing = np.zeros(len(Tissue))
    if options.other_sequences:
        is_injected = rng.random() < 0.5
        given = (concentration, agent) if is_injected else (nothing, None)
        # Other sequences are mostly taken before contrast, FLAIR at times after it.
        late = is_injected and rng.random() < 0.3
        given_then = (concentration, agent) if late else (nothing, None)
        display = scanner.draw_display(rng, options)
        unlike = scanner.draw_acquisition(rng, **pipeline, other=True)
        return (
            _series(before, display, spread, *given),
            _series(unlike, scanner.draw_display(rng, options), spread, *given_then),
        )
    return (
        _series(before, scanner.draw_display(rng, options), spread, nothing, None),
        _series(after, scanner.draw_display(rng, options), spread, concentration, agent),
    )


def _series(acquisition, display, spread, concentration, agent: Agent | None) -> _Series:
    signal = scanner.tissue_signal(acquisition, spread, concentration, agent)
    return _Series(acquisition, display, signal, concentration)


def _draw_concentration(rng: np.random.Generator, options: PhantomOptions) -> np.ndarray:
    """Draws mmol/L of contrast agent in every tissue.

    0.1 mmol/kg spreads over 0.15 to 0.25 L/kg of extracellular fluid: 0.4 to 0.7 mmol/L in plasma after some minutes,
    up to twice that in the first ones; double and half doses widen that. Uptake varies from tissue to tissue, and the
    nose more than anything.
    """
    plasma = np.exp(rng.uniform(*np.log(options.plasma)))
    uptake = column("uptake") * np.exp(rng.normal(0.0, 0.35, len(Tissue)))
    uptake[Tissue.MUCOSA] *= rng.uniform(0.0, 1.0)  # A cue that would not transfer: patients' noses differ too much.
    return plasma * uptake


def _paint(person: _Person, number: int, options: PhantomOptions, rng: np.random.Generator) -> _Scene:
    plane = geometry.Plane(person.pose, person.offsets[number], 2 * options.matrix)
    grid = plane.to_mm()
    inside = brain.sample_brain(plane, grid, load_template(), person.cortex, rng)
    around, above = drawing.Canvas(plane), drawing.Canvas(plane)
    head.paint_head(around, grid, inside, person.head, rng)
    lesions.paint_spots(above, person.spots)
    vessels.paint_vessels(above, grid, inside, person.vessels, rng)
    return _Scene(grid, around.labels(), above.labels(), inside, _texture(plane, rng))


def _texture(plane: geometry.Plane, rng: np.random.Generator) -> np.ndarray:
    shape = (plane.side, plane.side)
    return 0.7 * drawing.noise_field(rng, shape, 9.0 / plane.spacing) + 0.7 * drawing.noise_field(
        rng, shape, 2.5 / plane.spacing
    )


def _kept(scene: _Scene, person: _Person, rng: np.random.Generator) -> np.ndarray:
    """Returns (matrix, matrix) bool: what stripping and defacing leave of the picture."""
    side = scene.labels.shape[0] // 2
    if person.stripped:
        return scanner.stripped(scene.brain.distance - scene.brain.depth, person.strip_reach, person.strip_pieces, rng)
    if person.defaced:
        return scanner.defaced(scene.grid, person.deface_slope)
    return np.ones((side, side), dtype=bool)


def _picture(scene: _Scene, kept: np.ndarray, series: _Series, rng: np.random.Generator) -> np.ndarray:
    magnitude = scanner.acquire(_signal_map(scene, series), series.acquisition, rng)
    brain_only = kept & (scene.brain.cover[::2, ::2] > 0.9)
    return scanner.develop(np.where(kept, magnitude, np.float32(0)), series.display, brain_only)


def _signal_map(scene: _Scene, series: _Series) -> np.ndarray:
    """Returns (side, side) float32: each tissue's signal where it is, mixed by shares within brain and vessels."""
    inside, signal = scene.brain, series.signal
    matter = inside.grey * signal[Tissue.GREY] + inside.white * signal[Tissue.WHITE] + inside.fluid * signal[Tissue.CSF]
    around = signal[scene.labels]
    mixed = around + inside.cover * (matter - around)
    mixed += scanner.filling(series.acquisition)[scene.overlay] * (signal[scene.overlay] - mixed)
    grain = column("texture").astype(np.float32)[np.where(scene.overlay > 0, scene.overlay, scene.labels)]
    return mixed * np.maximum(1.0 + grain * scene.texture, 0.0)


def _truth(scene: _Scene, kept: np.ndarray, concentration: np.ndarray) -> SliceTruth:
    """Returns what fills each pixel; of four canvas pixels the first stands for all."""
    inside = scene.brain
    shares = np.stack([each[::2, ::2] for each in (inside.grey, inside.white, inside.fluid)])
    matter = np.array([Tissue.GREY, Tissue.WHITE, Tissue.CSF], dtype=np.uint8)[shares.argmax(0)]
    below = np.where(inside.cover[::2, ::2] > 0.5, matter, scene.labels[::2, ::2])
    above = scene.overlay[::2, ::2]
    tissue = np.where(kept, np.where(above > 0, above, below), np.uint8(Tissue.AIR))
    return SliceTruth(tissue, concentration.astype(np.float32)[tissue])
