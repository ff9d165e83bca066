"""What somebody with another runtime must know of an exported network: what to feed it, and what it answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from contrast_tfdata import CLASS_NAMES, __version__
from contrast_tfdata.exporting.formats import Format
from contrast_tfdata.exporting.thresholds import UNANSWERED, Thresholds
from contrast_tfdata.images.preprocessing import FOREGROUND_FRACTION, FOREGROUND_GREY, Preprocessing
from contrast_tfdata.model import views

FORMAT_VERSION = 1
_KEPT = ("preprocessing", "operating_point", "indeterminate_band", "temperature", "input_gate", "class_names", "views",
         "weights_sha256", "versions", "records", "name", "note", "members")  # fmt: skip
"""Keys of model.json that are handed on; flags, which hold paths of the machine that trained, are not."""


def describe(description: Mapping[str, Any], form: Format, thresholds: Thresholds) -> dict[str, Any]:
    """Returns the facts about an exported network; JSON values only.

    Args:
        description: of the network, as model.json has it.
        form: that it is exported in.
        thresholds: where its answers change.
    """
    preprocessing = Preprocessing.from_json(description["preprocessing"])
    size = preprocessing.image_size
    return {
        "format_version": FORMAT_VERSION,
        "format": form.name,
        "quantize": form.quantize,
        "exported_by": f"contrast_tfdata {__version__}",
        "not": "a medical device",
        "input": {
            "name": "slices",
            "dtype": "uint8",
            "shape": ["N", size, size],
            "meaning": "grey sagittal T1 slices, 0 black, rows from top to bottom; N any number from 1",
            "to_be_done_before": steps(preprocessing),
            "done_inside": _inside(views.stored(description)),
        },
        "outputs": {
            "logit": "float32 (N,): above 0 speaks for " + CLASS_NAMES[1],
            "probability": f"float32 (N,): of {CLASS_NAMES[1]}, 1 / (1 + exp(-logit))",
            "prediction": f"int32 (N,): 0 {CLASS_NAMES[0]}, 1 {CLASS_NAMES[1]}: whether the probability is above the "
            "operating point's threshold",
            "decision": f"int32 (N,): the prediction, but {UNANSWERED} where the probability is above `low` and not "
            "above `high` of indeterminate_band; the same as the prediction where there is no band",
        },
        "series": "of the slices of one acquisition take the mean logit, and answer with that",
        "cuts_in_logits": {
            "threshold": float(thresholds.threshold),
            "low": float(thresholds.low),
            "high": float(thresholds.high),
        },
        "input_gate_is_not_inside": "slices unlike those of training are answered too",
        **{key: description[key] for key in _KEPT if key in description},
    }


def steps(preprocessing: Preprocessing) -> list[str]:
    """Returns what must be done to a decoded slice before the network gets it, a sentence each, in order."""
    size = preprocessing.image_size
    return [
        _INTENSITY[preprocessing.intensity],
        _aspect(preprocessing.aspect, size),
        *_RESIZE[preprocessing.interpolation],
    ]


_INTENSITY = {
    "foreground_p99": "In float64, at the resolution of the source: t = the 99th percentile (linear) of all pixels "
    f"above 0; f = the 99th percentile of all pixels above {FOREGROUND_FRACTION} t; multiply by {FOREGROUND_GREY} / f "
    "and clip to 0..255. Where more than a tenth of the pixels are negative, take the 0.5th percentile from all first. "
    "Constant slices become black.",
    "stored": "8-bit pixels stay as they are; of deeper ones map the 0.5th to the 99.5th percentile linearly to 0..255 "
    "and clip.",
}
_ROUND = "Round to the nearest whole number, halves to even, clip to 0..255, and store as uint8."
_RESIZE = {
    "area": (
        "Each result pixel is the exact mean of the source pixels that it covers, fractions of pixels included; along "
        "an axis that grows: bilinear, as Pillow does it.",
        _ROUND,
    ),
    "bilinear": ("By Pillow's BILINEAR, on float32 (mode F).", _ROUND),
    "lanczos3": ("By Pillow's LANCZOS, on float32 (mode F).", _ROUND),
    "nearest": ("By Pillow's NEAREST, on float32 (mode F).", _ROUND),
}


def _aspect(aspect: str, size: int) -> str:
    if aspect == "stretch":
        return f"Resize to {size} x {size} pixels, whatever the proportions:"
    return (
        f"Resize so that the larger of height and width, each pixels times spacing, becomes {size} pixels and the "
        f"other keeps its proportion; after rounding, centre on a black square of {size} x {size}:"
    )


def _inside(names: Sequence[str]) -> str:
    pictures = " and ".join(
        {"plain": "the slice", "mirrored": "its mirror image (columns reversed)"}[name] for name in names
    )
    return f"division by 255, cropping to what the network can see, and the mean of the logits of {pictures}"
