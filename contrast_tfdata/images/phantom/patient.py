"""Puts a synthetic patient together: one anatomy, scanned before and after contrast."""

import dataclasses

import numpy as np

from contrast_tfdata.images.phantom import brain, drawing, geometry, head, lesions, scanner, vessels
from contrast_tfdata.images.phantom.options import DEFAULT_OPTIONS, PhantomOptions
from contrast_tfdata.images.phantom.template import load_template
from contrast_tfdata.images.phantom.tissue import AGENTS, Agent, Tissue, column
from contrast_tfdata.images.slices import Slice

_ANATOMY, _SCAN, _SLICE, _IMAGE = range(4)
"""First words of the random streams, so that no draw of one kind shifts those of another."""


@dataclasses.dataclass(frozen=True)
class PhantomPatient:
    """What a synthetic patient's two series look like.

    Attributes:
        pre: slices before contrast; pixels (matrix, matrix) uint8, index the slice's number.
        post: slices after contrast, of the same planes in the same order.
    """

    pre: tuple[Slice, ...]
    post: tuple[Slice, ...]


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


@dataclasses.dataclass(frozen=True)
class _Series:
    """One acquisition of a patient."""

    acquisition: scanner.Acquisition
    display: scanner.Display
    signal: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Scene:
    """One slice's matter on the canvas, before any physics."""

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
    pre, post = render(seed, patient, options, count, count)
    return PhantomPatient(pre, post)


def render(
    seed: int, patient: int, options: PhantomOptions, pre: int, post: int
) -> tuple[tuple[Slice, ...], tuple[Slice, ...]]:
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
    for number in range(max(pre, post)):
        scene = _paint(person, number, options, np.random.default_rng([_SLICE, seed, patient, number]))
        for contrast, wanted in enumerate((pre, post)):
            if number < wanted:
                rng = np.random.default_rng([_IMAGE, seed, patient, number, contrast])
                pixels = _picture(scene, person, series[contrast], rng)
                spacing = person.pose.field_of_view / options.matrix
                images[contrast].append(Slice(pixels, index=number, spacing=(spacing, spacing)))
    return tuple(images[0]), tuple(images[1])


def _draw_person(rng: np.random.Generator, options: PhantomOptions) -> _Person:
    cortex = brain.draw_cortex(rng)
    return _Person(
        pose=geometry.draw_pose(rng),
        cortex=cortex,
        head=head.draw_head(rng, cortex.atrophy),
        vessels=vessels.draw_vessels(rng),
        spots=lesions.draw_spots(rng, options),
        offsets=_draw_offsets(rng, options),
        relaxation_spread=np.exp(rng.normal(0.0, 0.06, len(Tissue))),
        stripped=bool(rng.random() < options.stripped_rate),
        strip_reach=float(rng.uniform(0.3, 3.5)),
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
    before = scanner.draw_acquisition(rng)
    other = scanner.draw_acquisition(rng)
    after = other if rng.random() < options.mismatch_rate else before
    agent = AGENTS[str(rng.choice(sorted(AGENTS)))]
    concentration = _draw_concentration(rng, options)
    spread = person.relaxation_spread
    nothing = np.zeros(len(Tissue))
    return (
        _series(before, scanner.draw_display(rng, options), spread, nothing, None),
        _series(after, scanner.draw_display(rng, options), spread, concentration, agent),
    )


def _series(acquisition, display, spread, concentration, agent: Agent | None) -> _Series:
    return _Series(acquisition, display, scanner.tissue_signal(acquisition, spread, concentration, agent))


def _draw_concentration(rng: np.random.Generator, options: PhantomOptions) -> np.ndarray:
    """Draws mmol/L of contrast agent in every tissue.

    0.1 mmol/kg spreads over 0.15 to 0.25 L/kg of extracellular fluid: 0.4 to 0.7 mmol/L in plasma after some minutes;
    early scans, double and half doses widen that. Uptake varies from tissue to tissue, and the nose more than anything.
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
    return _Scene(around.labels(), above.labels(), inside, _texture(plane, rng))


def _texture(plane: geometry.Plane, rng: np.random.Generator) -> np.ndarray:
    shape = (plane.side, plane.side)
    return 0.7 * drawing.noise_field(rng, shape, 9.0 / plane.spacing) + 0.7 * drawing.noise_field(
        rng, shape, 2.5 / plane.spacing
    )


def _picture(scene: _Scene, person: _Person, series: _Series, rng: np.random.Generator) -> np.ndarray:
    magnitude = scanner.acquire(_signal_map(scene, series.signal), series.acquisition, rng)
    if person.stripped:
        magnitude = scanner.strip(magnitude, scene.brain.distance, person.strip_reach, rng)
    return scanner.develop(magnitude, series.display)


def _signal_map(scene: _Scene, signal: np.ndarray) -> np.ndarray:
    """Returns (side, side) float32: each tissue's signal where it is, mixed by shares within the brain."""
    inside = scene.brain
    matter = inside.grey * signal[Tissue.GREY] + inside.white * signal[Tissue.WHITE] + inside.fluid * signal[Tissue.CSF]
    around = signal[scene.labels]
    mixed = around + inside.cover * (matter - around)
    np.copyto(mixed, signal[scene.overlay], where=scene.overlay > 0)
    grain = column("texture").astype(np.float32)[np.where(scene.overlay > 0, scene.overlay, scene.labels)]
    return mixed * np.maximum(1.0 + grain * scene.texture, 0.0)
