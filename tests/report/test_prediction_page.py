"""The page of a prediction: every series on a card, what deserves a look first, and no name that was not asked for."""

import subprocess
import sys

import numpy as np
import pytest

from contrast_tfdata.images.slices import OUT_OF_SCOPE
from contrast_tfdata.report.prediction_page import REASON_WORDS, VERDICT_WORDS, drawn, render
from contrast_tfdata.scoring.tables import VERDICTS


def row(name, verdict, **changes):
    return {
        "series": f"/data/{name}/1.dcm", "slices": 3, "probability": None if verdict == "not_t1" else 0.75,
        "prediction": 1, "verdict": verdict, "header": "silent", "header_claim": "silent", "reason": "", "study": "s1",
        "series_id": f"id-{name}", "series_number": 4, "modality": "MR", "plane": "sagittal", "sequence": "unknown",
        "files": 9, "rank": 1, "check": "", **changes,
    }  # fmt: skip


ROWS = [
    row("plain", "with_gad"),
    row("other", "not_t1", reason="not_t1", sequence="FLAIR"),
    row("unsure", "indeterminate", reason="unsure", study="s2"),
    row("accused", "no_gad", header="conflict"),
]
SKIPPED = [{"path": "/data/x", "reason": reason, "detail": ""} for reason in ("phase", "phase", "truncated")]


def page(pictures=None, show_names=False, rows=ROWS):
    return render(
        rows, SKIPPED, pictures or {}, network="weights: w", counts=["9 files: 3 scored"], show_names=show_names
    )


def test_every_series_is_a_card_and_what_deserves_a_look_is_first(parse):
    text = parse(page()).text
    order = [text.index(each) for each in ("id-unsure", "id-accused", "id-plain", "id-other")]
    assert order[1] < order[2] < order[3]
    said = ("row of the table of series", "after contrast, 0.750", "not T1", "indeterminate, 0.750", "FLAIR")
    for words in (*said, "the header says the opposite"):
        assert words in text
    assert "the probability is near the threshold" in text
    assert "2phaseimages of the signal's phase" in text.replace("\n", "")


def test_filters_need_no_script_and_count_what_they_show(parse):
    html = page()
    assert "<script" not in html
    text = parse(html).text
    for label in ("all 4", "to look at 2", "before contrast 1", "after contrast 1", "indeterminate 1", "not T1 1"):
        assert label in text
    for verdict in VERDICT_WORDS:
        assert f'id="show-{verdict}"' in html
        assert f"#show-{verdict}:checked" in html


def test_names_are_shown_only_where_asked():
    assert "/data/plain" not in page()
    assert "/data/plain/1.dcm" in page(show_names=True)


def test_pictures_are_shown_with_their_maps():
    rng = np.random.default_rng(0)
    pictures = {number: rng.integers(0, 256, (331, 331), np.uint8) for number in range(70)}
    asked = []

    def evidence(images):
        asked.append(len(images))
        return images.astype(np.float32) - 127

    drawings = drawn(pictures, evidence)
    assert drawings.keys() == pictures.keys()
    assert sum(asked) == 70
    assert max(asked) <= 32  # A map has 0.4 MB, and an archive thousands of series.
    assert drawings[69] == drawn({0: pictures[69]}, evidence)[0]
    html = page({0: drawings[0]})
    assert html.count("data:image/png;base64,") == 2
    assert html.count('class="map"') == 1


def test_texts_are_escaped():
    nasty = "<b>x</b>\u202e\udce9"
    html = page(rows=[row("a", "with_gad", series=nasty, study=nasty)], show_names=True)
    assert "<b>x" not in html
    html.encode("utf-8")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_and_reason_has_words(verdict):
    assert VERDICT_WORDS[verdict]
    assert OUT_OF_SCOPE.keys() <= REASON_WORDS.keys()


def test_it_needs_no_matplotlib():
    code = "import sys; import contrast_tfdata.report.prediction_page; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
