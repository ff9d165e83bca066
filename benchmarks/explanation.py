"""How much of a map falls on tissue that took up contrast agent: `python -m benchmarks.explanation`.

On synthetic patients it is known which tissue that is. Of each slice after contrast, the share of a map's positive part
that falls on such tissue is compared with the share of the picture that it covers, which is what a map without any
sense would reach, and with what the same map of an untrained network, and the picture's own brightness, reach.
"""

import argparse
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from scipy import ndimage

from contrast_tfdata.images.preprocessing import Preprocessing, foreground_floor
from contrast_tfdata.images.slices import Slice
from contrast_tfdata.model import pretrained, views
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import network_with, weights_of
from contrast_tfdata.model.weights import load_model
from contrast_tfdata.phantom import PhantomOptions, SliceTruth, generate_patient
from contrast_tfdata.scoring.evidence import evidence_maps, on_pixels

SEED = 777
"""Of the patients; the shipped weights were learned from those of another."""
PATIENTS = 30
_SLICES = 2
_MARGIN = 4
"""Pixels by which tissue is widened: half a cell of the third block's features."""
_LEAST_PIXELS = 50
"""Slices that show less tissue with agent are left out."""
_STEPS = 8
_BLUR = 6.0

MapMaker = Callable[[ContrastNet, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Slices after contrast with what is known of them.

    Attributes:
        images: (N, S, S) uint8, as the network gets them.
        enhancing: (N, S, S) bool, tissue with contrast agent, widened by `_MARGIN`.
        head: (N, S, S) bool, what is not air.
        patients: (N,) int64.
    """

    images: np.ndarray
    enhancing: np.ndarray
    head: np.ndarray
    patients: np.ndarray


def draw_scenes(preprocessing: Preprocessing, patients: int = PATIENTS, seed: int = SEED) -> Scenes:
    """Returns two slices each of synthetic patients; those that show hardly any tissue with agent are left out."""
    rows = []
    for patient in range(patients):
        drawn = generate_patient(seed, patient, PhantomOptions(slices_per_class=_SLICES))
        for image, truth in zip(drawn.post, drawn.truth, strict=True):
            tissue = enhancing_pixels(image, truth, preprocessing)
            if np.count_nonzero(tissue) >= _LEAST_PIXELS:
                pixels = preprocessing(image)
                head = ndimage.binary_closing(pixels > foreground_floor(pixels), iterations=3)
                rows.append((pixels, ndimage.binary_dilation(tissue, iterations=_MARGIN), head, patient))
    return Scenes(*map(np.array, zip(*rows, strict=True)))


def enhancing_pixels(image: Slice, truth: SliceTruth, preprocessing: Preprocessing) -> np.ndarray:
    """Returns (S, S) bool: which of the picture's pixels show tissue with agent for the most part."""
    as_stored = dataclasses.replace(preprocessing, intensity="stored")
    painted = dataclasses.replace(image, pixels=np.where(truth.enhancing, np.uint8(255), np.uint8(0)))
    return as_stored(painted) > 127


def features_and_gradient(model: ContrastNet, images: np.ndarray, num_blocks: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the features after some blocks and the logit's gradient by them, each (N, h, w, filters) float32."""
    features = model.features(tf.constant(images), num_blocks)
    with tf.GradientTape() as tape:
        tape.watch(features)
        logits = model.logits_of(features, num_blocks, training=False)
    return features, tape.gradient(logits, features)


def _brightness(model: ContrastNet, images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32)


def _grad_cam(num_blocks: int) -> MapMaker:
    def make(model, images):
        features, gradient = features_and_gradient(model, images, num_blocks)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
        return on_pixels(tf.reduce_sum(features * weights, axis=-1).numpy(), num_blocks, model.image_size)

    return make


def _hires_cam(num_blocks: int) -> MapMaker:
    def make(model, images):
        features, gradient = features_and_gradient(model, images, num_blocks)
        return on_pixels(tf.reduce_sum(features * gradient, axis=-1).numpy(), num_blocks, model.image_size)

    return make


def _integrated_gradients(model: ContrastNet, images: np.ndarray) -> np.ndarray:
    """From black, M. Sundararajan et al., ICML 2017; blurred, since single pixels of it are noise."""
    pixels, total = images.astype(np.float32) / 255, 0.0
    for step in range(_STEPS):
        scaled = pixels * (step + 0.5) / _STEPS
        _, gradient = features_and_gradient(model, scaled, 0)
        total += gradient.numpy()[..., 0] / _STEPS
    seen = total * pixels[:, : total.shape[1], : total.shape[2]]
    unseen = [(0, 0)] + [(0, model.image_size - side) for side in seen.shape[1:]]
    return ndimage.gaussian_filter(np.pad(seen, unseen), (0, _BLUR, _BLUR))


MAPS: dict[str, MapMaker] = {
    "the picture's brightness": _brightness,
    "Grad-CAM, last block": _grad_cam(6),
    "Grad-CAM, block 4": _grad_cam(4),
    "Grad-CAM, block 3": _grad_cam(3),
    "HiResCAM, last block": _hires_cam(6),
    "HiResCAM, block 4": _hires_cam(4),
    "HiResCAM, block 3": _hires_cam(3),
    "HiResCAM, block 2": _hires_cam(2),
    "integrated gradients, blurred": _integrated_gradients,
    "as reports show it": lambda model, images: evidence_maps([weights_of(model)], images, views.VIEWS),
}


def shares(maps: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Returns of each map the share of its positive part that lies in a mask, (N,) float64; NaN where none is positive.

    Args:
        maps: (N, S, S).
        where: (N, S, S) bool.
    """
    positive = np.maximum(maps, 0).astype(np.float64)
    total, inside = positive.sum((1, 2)), (positive * where).sum((1, 2))
    return np.divide(inside, total, out=np.full(len(maps), np.nan), where=total > 0)


def mean_and_error(values: np.ndarray, patients: np.ndarray) -> tuple[float, float]:
    """Returns mean and standard error over the patients' means; NaN are left out, of one patient the error is NaN."""
    kept = ~np.isnan(values)
    means = np.array([values[kept & (patients == patient)].mean() for patient in np.unique(patients[kept])])
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    return float(means.mean()), float(error)


def table(scenes: Scenes, model: ContrastNet, untrained: ContrastNet) -> list[str]:
    """Returns the lines of a Markdown table of all maps."""
    area = mean_and_error(scenes.enhancing.mean((1, 2)), scenes.patients)[0]
    of_head = mean_and_error(shares(scenes.head, scenes.enhancing), scenes.patients)[0]
    lines = [
        f"{len(scenes.images)} slices after contrast of {len(np.unique(scenes.patients))} synthetic patients. Tissue "
        f"with agent, widened by {_MARGIN} pixels, covers {area:.1%} of the picture and {of_head:.1%} of the head.",
        "",
        "| map | on that tissue | of what lies on the head | the same, network untrained | without positive part |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, make in MAPS.items():
        maps = _in_batches(make, model, scenes.images)
        on_picture, on_head = (shares(maps * each, scenes.enhancing) for each in (1, scenes.head))
        random = shares(_in_batches(make, untrained, scenes.images), scenes.enhancing)
        cells = [_cell(each, scenes.patients) for each in (on_picture, on_head, random)]
        lines.append(f"| {name} | {' | '.join(cells)} | {np.count_nonzero(np.isnan(on_picture))} |")
    return lines


def _cell(values: np.ndarray, patients: np.ndarray) -> str:
    return "none positive" if np.isnan(values).all() else "{:.1%} +- {:.1%}".format(*mean_and_error(values, patients))


def _in_batches(make: MapMaker, model: ContrastNet, images: np.ndarray, size: int = 10) -> np.ndarray:
    return np.concatenate([make(model, images[start : start + size]) for start in range(0, len(images), size)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures all maps with the shipped weights and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explanation", description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=PATIENTS, help="two slices each")
    parser.add_argument("--seed", type=int, default=SEED, help="of the patients")
    options = parser.parse_args(arguments)
    weights, description = load_model(pretrained.model_folder(pretrained.NAME))
    model = network_with(weights)
    tf.keras.utils.set_random_seed(0)
    untrained = ContrastNet(model.image_size)
    scenes = draw_scenes(Preprocessing.from_json(description["preprocessing"]), options.patients, options.seed)
    print("\n".join(table(scenes, model, untrained)))


if __name__ == "__main__":
    main()
