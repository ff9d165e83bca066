"""What could fake an AUC, in words and rows: trivial scores, and the network once brightness is taken away."""

from collections.abc import Mapping

from contrast_tfdata.evaluation.confounders import BRIGHT_GREY

LARGEST_FALL = 0.1
"""Of the AUC when brightness is taken away; above it the report warns."""
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
            "bounds": None,
            "higher_in": score["higher_in"],
        }
        for key, score in check["trivial"].items()
    ]


def sentence(split: str, numbers: Mapping) -> str:
    """Returns in a few short sentences what the check of a split found."""
    matched = numbers["confounders"]["auc_histogram_matched"]
    key, best = _best_trivial(numbers)
    direction = f" (higher in {best['higher_in']})" if best["higher_in"] else ""
    return (
        f"The {_name(key)} alone separates the classes of {split} with an AUC of {best['auc']:.2f}{direction}. The "
        f"network reaches {numbers['auc']:.2f}, and {matched:.2f} when brightness is taken away: then the foreground "
        "of every slice has the same histogram."
    )


def warnings(split: str, numbers: Mapping) -> list[str]:
    """Returns what a reader must know before taking the AUC of a split for recognised contrast."""
    network, matched = numbers["auc"], numbers["confounders"]["auc_histogram_matched"]
    key, best = _best_trivial(numbers)
    found = []
    if best["auc"] >= network:
        direction = f", higher in {best['higher_in']}" if best["higher_in"] else ""
        found.append(
            f"On {split} the {_name(key)} alone (AUC {best['auc']:.4f}{direction}) does at least as well as the "
            f"network ({network:.4f}). So the network's AUC does not show that it recognises contrast."
        )
    if network - matched > LARGEST_FALL:
        found.append(
            f"On {split} the network relies on brightness: its AUC falls from {network:.4f} to {matched:.4f} when the "
            "foreground of every slice gets the same histogram. Another scanner changes brightness, too."
        )
    return found


def _best_trivial(numbers: Mapping) -> tuple[str, Mapping]:
    return max(numbers["confounders"]["trivial"].items(), key=lambda item: item[1]["auc"])


def _name(key: str) -> str:
    return _NAMES.get(key, key)
