"""The model card of the weights that come with the package."""

import json
import re

import pytest

from contrast_tfdata.errors import DataError
from contrast_tfdata.report import render_shipped_card, write_shipped_card
from contrast_tfdata.storage import sealed_json

DESCRIPTION = {
    "name": "a name",
    "weights_sha256": "ab" * 32,
    "operating_point": {"threshold": 0.375, "criterion": "accuracy", "chosen_on": "validation"},
    "preprocessing": {"image_size": 331},
    "class_names": ["no_gad", "with_gad"],
    "views": ["plain", "mirrored"],
    "flags": {"epochs": 3},
}
ROW = {
    "source": "one archive, JPEG",
    "slices": 216,
    "patients": 12,
    "auc": 0.9012,
    "auc_ci95": [0.85, 0.94],
    "matched_auc": 0.8765,
    "series_balanced_accuracy": 0.8,
}
MEASUREMENTS = {"weights_sha256": "ab" * 32, "threshold": 0.375, "rows": [ROW]}


def measured(**changes):
    return {**MEASUREMENTS, "rows": [{**ROW, **changes}]}


def test_card_says_what_must_be_said():
    text = render_shipped_card(DESCRIPTION, MEASUREMENTS)
    for needle in (
        "# Weights shipped with contrast_tfdata: a name",
        "Not a medical device",
        "Synthetic patients only",
        "2009a nonlinear symmetric template",
        "License: unknown",
        "Copyright (C) 1993-2004 Louis Collins",
        "| one archive, JPEG | 216 | 12 | 0.901 | 0.850 to 0.940 | 0.876 | 0.800 |",
        "## Limits",
        f"| weights_sha256 | {'ab' * 32} |",
        "| operating_point.threshold | 0.375 |",
        "| views | plain, mirrored |",
        "| flags.epochs | 3 |",
    ):
        assert needle in text, needle
    assert "measured on no image" not in text


def test_card_of_weights_that_were_not_measured_claims_nothing():
    text = render_shipped_card(DESCRIPTION, {**MEASUREMENTS, "rows": []})
    assert "these weights were measured on no image of a scanner" in text
    assert "| Source |" not in text
    assert "may have been chosen" not in text


def test_a_note_stands_at_the_head():
    text = render_shipped_card({**DESCRIPTION, "note": "Only a trial."}, MEASUREMENTS)
    assert text.index("**Only a trial.**") < text.index("## What they learned from")


def test_undefined_figures_are_called_so():
    text = render_shipped_card(DESCRIPTION, measured(auc=None, auc_ci95=None, series_balanced_accuracy=None))
    assert "| 216 | 12 | undefined |  | 0.876 | undefined |" in text


def test_tables_have_as_many_cells_as_their_heads():
    text = render_shipped_card(DESCRIPTION, {**MEASUREMENTS, "rows": [ROW, {**ROW, "source": "a|b <c>"}]})
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    assert "<c>" not in text


def test_figures_of_other_weights_are_refused():
    """All that does not fit is listed."""
    with pytest.raises(DataError) as error:
        render_shipped_card(DESCRIPTION, {**measured(slices=0), "weights_sha256": "cd", "threshold": 0.5})
    for problem in ("weights_sha256: measured 'cd'", "threshold: measured 0.5, model.json 0.375", "slices cannot be 0"):
        assert problem in str(error.value)


@pytest.mark.parametrize(
    ("measurements", "message"),
    [
        ({"weights_sha256": "ab" * 32, "threshold": 0.375}, "rows: must be a list"),
        ({**MEASUREMENTS, "rows": ["one"]}, r"rows\[0\]: must have the keys"),
        (measured(extra=1), r"rows\[0\]: must have the keys"),
        (measured(source=""), "source cannot be ''"),
        (measured(patients=1.5), "patients cannot be 1.5"),
        (measured(slices=True), "slices cannot be True"),
        (measured(auc=1.2), "auc cannot be 1.2"),
        (measured(matched_auc=float("nan")), "matched_auc cannot be nan"),
        (measured(auc_ci95=[0.5]), r"auc_ci95 cannot be \[0.5\]"),
    ],
)
def test_damaged_measurements_are_refused(measurements, message):
    with pytest.raises(DataError, match=message):
        render_shipped_card(DESCRIPTION, measurements)


def test_card_stands_beside_the_weights(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(DESCRIPTION))
    with pytest.raises(DataError, match=r"measurements\.json: missing"):
        write_shipped_card(tmp_path)
    (tmp_path / "measurements.json").write_text("[")
    with pytest.raises(DataError, match="not JSON"):
        write_shipped_card(tmp_path)
    (tmp_path / "measurements.json").write_text("[]")
    with pytest.raises(DataError, match="not a JSON object"):
        write_shipped_card(tmp_path)
    (tmp_path / "measurements.json").write_text(json.dumps(MEASUREMENTS))
    card = write_shipped_card(tmp_path)
    assert card == tmp_path / "MODEL_CARD.md"
    assert card.read_text("utf-8") == render_shipped_card(DESCRIPTION, MEASUREMENTS)


def test_no_card_is_made_of_a_changed_description(tmp_path):
    sealed = sealed_json.sealed({**DESCRIPTION, "format_version": 2})
    (tmp_path / "measurements.json").write_text(json.dumps(MEASUREMENTS))
    (tmp_path / "model.json").write_text(json.dumps(sealed))
    write_shipped_card(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({**sealed, "note": "flawless"}))
    with pytest.raises(DataError, match=r"model\.json was changed after it was written"):
        write_shipped_card(tmp_path)
