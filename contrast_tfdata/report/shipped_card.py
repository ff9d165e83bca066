"""MODEL_CARD.md of the weights that come with the package, from their model.json and what was measured of them.

`measurements.json` stands beside `model.json`:

    {"weights_sha256": "...", "threshold": 0.5,
     "rows": [{"source": "...", "slices": 216, "patients": 12, "auc": 0.9, "auc_ci95": [0.85, 0.94],
               "matched_auc": 0.9, "series_balanced_accuracy": 0.85}]}

Weights and threshold must be those of `model.json`: measurements of others would be passed off as theirs. A figure that
is undefined is null; no rows mean that nothing was measured.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contrast_tfdata.errors import DataError
from contrast_tfdata.report import findings
from contrast_tfdata.report.context import flat
from contrast_tfdata.report.model_card import markdown_environment
from contrast_tfdata.storage import sealed_json
from contrast_tfdata.storage.atomic_file import replacing
from contrast_tfdata.storage.bounded_file import read_json

CARD_FILE = "MODEL_CARD.md"
MEASUREMENTS_FILE = "measurements.json"

_MODEL_FACTS = (
    "weights_sha256", "architecture", "preprocessing", "operating_point", "views", "class_names", "versions", "records",
    "flags",
)  # fmt: skip
_COUNTS = ("slices", "patients")
_SHARES = ("auc", "matched_auc", "series_balanced_accuracy")
_ROW_KEYS = {"source", "auc_ci95", *_COUNTS, *_SHARES}


def write_shipped_card(folder: Path) -> Path:
    """Writes MODEL_CARD.md into a model folder that holds model.json and measurements.json; returns its path.

    Raises:
        DataError: one of the two is missing, no JSON, changed by hand, or does not fit the other.
        OSError: the card cannot be written; an older one then stays.
    """
    description, measurements = (_read(folder / name) for name in ("model.json", MEASUREMENTS_FILE))
    if sealed_json.was_changed(description):
        raise DataError(f"{folder}: model.json was changed after it was written; BUILD.md says how to change it")
    text = render_shipped_card(description, measurements)
    with replacing(folder / CARD_FILE) as file:
        file.write(text)
    return folder / CARD_FILE


def render_shipped_card(description: Mapping[str, Any], measurements: Mapping[str, Any]) -> str:
    """Returns the text of the card.

    Args:
        description: what model.json holds; besides what every model's does, it may have `name`, what the weights are
            called, and `note`, what must be known of them before anything else.
        measurements: see the head of this module.

    Raises:
        DataError: the measurements are of other weights or of another threshold, or damaged; all problems are listed.
    """
    problems = _problems(description, measurements)
    if problems:
        raise DataError.listing(f"{MEASUREMENTS_FILE}: these are no measurements of the weights:", problems)
    template = markdown_environment().get_template("shipped_card.md.j2")
    return template.render(
        name=description.get("name", "without a name"),
        note=description.get("note", ""),
        rows=[_shown(row) for row in measurements["rows"]],
        is_measured=bool(measurements["rows"]),
        facts=list(flat({key: description[key] for key in _MODEL_FACTS if key in description})),
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: missing") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, Mapping):
        raise DataError(f"{path}: not a JSON object")
    return content


def _problems(description: Mapping[str, Any], measurements: Mapping[str, Any]) -> list[str]:
    wanted = {
        "weights_sha256": description["weights_sha256"],
        "threshold": description["operating_point"]["threshold"],
    }
    problems = [
        f"{key}: measured {measurements.get(key)!r}, model.json {value!r}"
        for key, value in wanted.items()
        if measurements.get(key) != value
    ]
    rows = measurements.get("rows")
    if not isinstance(rows, list):
        return [*problems, f"rows: must be a list. Received: {rows!r}"]
    return problems + [f"rows[{number}]: {text}" for number, row in enumerate(rows) for text in _problems_of_row(row)]


def _problems_of_row(row: object) -> list[str]:
    if not isinstance(row, Mapping) or row.keys() != _ROW_KEYS:
        return [f"must have the keys {', '.join(sorted(_ROW_KEYS))}. Received: {row!r}"]
    bounds = row["auc_ci95"]
    good = {
        "source": isinstance(row["source"], str) and bool(row["source"]),
        **{key: type(row[key]) is int and row[key] > 0 for key in _COUNTS},
        **{key: row[key] is None or _is_share(row[key]) for key in _SHARES},
        "auc_ci95": bounds is None or (isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_share, bounds))),
    }
    return [f"{key} cannot be {row[key]!r}" for key, is_good in good.items() if not is_good]


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # NaN is not.


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    shares = {key: findings.number(row[key]) for key in _SHARES}
    return {**row, **shares, "interval": findings.interval(row["auc_ci95"])}
