"""What could fake an AUC, in words and rows: trivial scores, and the network once brightness is taken away."""

from collections.abc import Iterator, Mapping

from contrast_tfdata.evaluation.confounders import BRIGHT_GREY
from contrast_tfdata.report.words import CLASS_WORDS

LARGEST_CHANGE = 0.1
"""Of the AUC when brightness is taken away; a larger one means something."""
FEWEST_OF_CLASS = 10
"""Patients of each class, slices where they are unknown: of fewer, a simple score separates the classes by chance."""
CLEARLY_APART = 0.9
"""Lower end of the AUC's interval, from which the size of files shows that the classes were stored differently."""
_OF_FILES = ("file_bytes", "image_pixels")
"""What tells of the file and not of the picture that the network sees."""
_NAMES = {
    "mean_grey": "mean grey of the foreground",
    "mean_grey_image": "mean grey of the whole image",
    "bright_share": f"share of bright pixels (above {BRIGHT_GREY}) in the foreground",
    "foreground_share": "share of the image that is foreground",
    "file_bytes": "size of the file",
    "image_pixels": "number of pixels in the file's image",
}


def is_checked(numbers: Mapping) -> bool:
    """Whether the figures of a split hold a check for confounders with both classes."""
    return bool(numbers.get("confounders")) and numbers["auc"] is not None


def rows(numbers: Mapping) -> list[dict]:
    """Returns the lines of the table about one split: `name`, `key`, `auc`, `bounds` and `higher_in`."""
    check = numbers["confounders"]
    network = (
        ("The network", "auc", numbers),
        ("The network, every foreground given the same histogram", "auc_histogram_matched", check),
    )
    lines = [
        {"name": name, "key": key, "auc": each[key], "bounds": each[f"{key}_ci95"], "higher_in": None}
        for name, key, each in network
    ]
    return lines + [
        {
            "name": f"Only the {_name(key)}",
            "key": key,
            "auc": score["auc"],
            "bounds": score.get("auc_ci95"),
            "higher_in": score["higher_in"],
        }
        for key, score in check["trivial"].items()
    ]


def sentence(split: str, numbers: Mapping) -> str:
    """Returns in a few short sentences what the check of a split found."""
    key, best = _best(numbers, of_files=False)
    return (
        f"Of what is simple to measure in a picture, the {_name(key)} separates the classes of {split} best: AUC "
        f"{best['auc']:.3f}{_direction(best)}. The network reaches {numbers['auc']:.3f}. {_without_brightness(numbers)}"
    )


def warnings(split: str, numbers: Mapping) -> list[str]:
    """Returns what a reader must know before taking the AUC of a split for recognised contrast."""
    if _fewest_of_class(numbers) < FEWEST_OF_CLASS:
        return []
    return [*_of_picture(split, numbers), *_of_brightness(split, numbers), *_of_storage(split, numbers)]


def _of_picture(split: str, numbers: Mapping) -> Iterator[str]:
    key, best = _best(numbers, of_files=False)
    if best["auc"] >= numbers["auc"] and _low(best) > 0.5:
        yield (
            f"On {split} the {_name(key)} alone (AUC {best['auc']:.3f}{_direction(best)}) does at least as well as the "
            f"network ({numbers['auc']:.3f}). So the network's AUC does not show that it recognises contrast."
        )


def _of_brightness(split: str, numbers: Mapping) -> Iterator[str]:
    network, matched = numbers["auc"], numbers["confounders"]["auc_histogram_matched"]
    if network - matched > LARGEST_CHANGE:
        yield (
            f"On {split} the network relies on brightness: its AUC falls from {network:.3f} to {matched:.3f} when all "
            "slices are made equally bright. Another scanner changes brightness, too."
        )


def _of_storage(split: str, numbers: Mapping) -> Iterator[str]:
    key, best = _best(numbers, of_files=True)
    if best and _low(best) >= CLEARLY_APART:
        yield (
            f"The classes of {split} were stored in different ways: the {_name(key)} alone tells them apart (AUC "
            f"{best['auc']:.3f}{_direction(best)}). The network sees the pixels only, but what made the files differ, "
            "as another scanner or export, may show in them."
        )


def _without_brightness(numbers: Mapping) -> str:
    """Returns what becomes of the AUC when all slices are made equally bright, and what that means."""
    network, matched = numbers["auc"], numbers["confounders"]["auc_histogram_matched"]
    change = matched - network
    if abs(change) <= LARGEST_CHANGE:
        meaning = "so it does not rely on brightness"
    elif _fewest_of_class(numbers) < FEWEST_OF_CLASS:
        meaning = "but with so few slices of a class the difference may be chance"
    elif change < 0:
        meaning = "so it relies on brightness"
    else:
        meaning = "so brightness misleads it here, and it does better without"
    return f"When all slices are made equally bright (the same histogram), it reaches {matched:.3f}: {meaning}."


def _best(numbers: Mapping, *, of_files: bool) -> tuple[str, Mapping]:
    """Returns name and figures of the score that separates best, of files or of pictures; "" and {} without one."""
    trivial = numbers["confounders"]["trivial"]
    found = [(key, score) for key, score in trivial.items() if (key in _OF_FILES) == of_files]
    return max(found, key=lambda item: item[1]["auc"], default=("", {}))


def _low(score: Mapping) -> float:
    """Returns the lower end of a score's AUC; where an earlier version gave no interval, 0.5: nothing is known."""
    if score["auc"] == 1:
        return 1.0
    bounds = score.get("auc_ci95_by_group") or score.get("auc_ci95")
    return bounds[0] if bounds else 0.5


def _fewest_of_class(numbers: Mapping) -> int:
    patients = numbers.get("num_groups_by_class")
    return min(patients.values() if patients else map(sum, numbers["confusion_matrix"]))


def _direction(score: Mapping) -> str:
    return f", higher {CLASS_WORDS[score['higher_in']]}" if score["higher_in"] else ""


def _name(key: str) -> str:
    return _NAMES.get(key, key)
