import dataclasses
import re

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.report import RunDescription, write_model_card
from contrast_tfdata.report.model_card import escape_markdown


def draw(count, seed, labels=None):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3 // 2 if labels is None else np.asarray(labels)
    names = tuple(map(str, range(count)))
    return Predictions(names, np.zeros(count, np.int64), names, names, labels, rng.normal(3 * labels - 1.5, 2))


def in_volumes(split):
    """Returns the same slices as if those of one class were one volume."""
    return dataclasses.replace(split, path=tuple(f"{label}.nii" for label in split.label))


def card(folder, validation, test, run=None):
    path = folder / "MODEL_CARD.md"
    run = run or RunDescription("A run", manifest={"patients_known": False})
    assert write_model_card(path, metrics=summarize(validation, test), run=run) == path
    return path.read_text("utf-8")


def test_card_says_what_must_be_said(tmp_path):
    metrics = summarize(draw(60, 0), draw(90, 1))
    text = card(tmp_path, draw(60, 0), draw(90, 1))
    low, high = metrics["test"]["auc_ci95"]
    for needle in (
        "Not a medical device",
        "Intended use",
        "Patient independence unverified",
        f"{metrics['test']['auc']:.3f} | {low:.3f} to {high:.3f}",
        f"**{metrics['operating_point']['threshold']:.4f}**",
        "chosen on validation, for the highest accuracy",
        "optimistic",
        "contrast_tfdata.predict --workdir",
    ):
        assert needle in text, needle


@pytest.mark.parametrize(
    ("validation", "test", "num_tables"),
    [
        (None, None, 3),
        (draw(30, 0), None, 5),  # With metrics, and what the temperature does.
        (in_volumes(draw(30, 0)), None, 6),  # With slices and series.
        (draw(3, 0, [1, 1, 1]), draw(1, 1, [0]), 4),
    ],
    ids=["nothing", "slices", "series", "one class"],
)
def test_tables_have_as_many_cells_as_their_heads(tmp_path, validation, test, num_tables):
    manifest = {"splits": {"train": {"records": 3, "classes": {"no_gad": 1, "with_gad": 2}, "groups": 2, "shards": []}}}
    text = card(tmp_path, validation, test, RunDescription("A run", manifest=manifest, model={"parameters": 109073}))
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) == num_tables
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
    assert "nan" not in text


def test_names_cannot_become_markup(tmp_path):
    nasty = "<script>alert(1)</script>|[x](y)\n# head `code` *bold*"
    text = card(tmp_path, draw(30, 0), None, RunDescription(nasty, model={nasty: nasty}, warnings=(nasty,)))
    assert "<script>" not in text
    assert "\n# head" not in text
    assert r"\|\[x\](y)\\n# head \`code\` \*bold\*" in text


def test_plain_text_is_left_alone():
    assert escape_markdown("AUC of no_gad, 0.98 (n = 3)") == "AUC of no_gad, 0.98 (n = 3)"
