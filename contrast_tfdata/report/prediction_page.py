"""The page of a prediction: a card a series, by study, what deserves a look first; one file that loads nothing.

Free of Matplotlib, so that it is there where only prediction is installed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.images.slices import OUT_OF_SCOPE
from contrast_tfdata.report.overlay import overlay
from contrast_tfdata.report.templates import environment, png_data_uri
from contrast_tfdata.report.words import CLASS_WORDS

_DRAWN_AT_ONCE = 32
_SIGN = b'<meta name="generator" content="contrast_tfdata">'
VERDICT_WORDS = {
    **CLASS_WORDS,
    "indeterminate": "indeterminate",
    "not_t1": "not T1",
}
REASON_WORDS = {
    **OUT_OF_SCOPE,
    "unsure": "the probability is near the threshold",
    "not_t1": "the header names another sequence",
    "unlike_t1": "the pictures look like another sequence",
    "blank": "blank pictures",
    "foreground_share": "the head fills too little or too much of the picture",
    "edges": "edges unlike those of heads",
    "grain": "texture unlike that of heads",
    "greys": "greys unlike those of heads",
}
"""Why a series is indeterminate or not T1, in words, by the codes of the column `reason`."""


def render(
    rows: Sequence[Mapping[str, Any]],
    skipped: Sequence[Mapping[str, Any]],
    pictures: Mapping[int, tuple[str, str]],
    *,
    network: str,
    counts: Sequence[str],
    show_names: bool,
) -> str:
    """Returns the HTML; every text in it is escaped.

    Args:
        rows: the series, as `scoring.tables.Tables` has them.
        skipped: the files that were not scored, likewise.
        pictures: by the number of a row its middle slice and the map of its evidence (see `drawn`).
        network: which answered, a line.
        counts: lines on what became of all files.
        show_names: whether paths may be shown.
    """
    cards = [_card(number, row, pictures.get(number), show_names) for number, row in enumerate(rows)]
    reasons: dict[str, int] = {}
    for each in skipped:
        reasons[each["reason"]] = reasons.get(each["reason"], 0) + 1
    template = environment(autoescape=True).get_template("prediction.html.j2")
    return (
        template.render(
            title="Before or after contrast",
            class_names=CLASS_NAMES,
            studies=_studies(cards),
            verdicts=VERDICT_WORDS,
            totals={verdict: sum(card["verdict"] == verdict for card in cards) for verdict in VERDICT_WORDS},
            looks=sum(card["deserves_a_look"] for card in cards),
            network=network,
            counts=counts,
            reasons=[
                (count, reason, REASON_WORDS.get(reason, "damaged"))
                for reason, count in sorted(reasons.items(), key=lambda each: (each[1], each[0]))
            ],
        )
        .encode("utf-8", "replace")
        .decode()
    )


def is_own(head: bytes) -> bool:
    """Whether a file that begins so is a page of this package."""
    return _SIGN in head


def drawn(
    pictures: Mapping[int, np.ndarray], evidence: Callable[[np.ndarray], np.ndarray]
) -> dict[int, tuple[str, str]]:
    """Returns slices and the maps over them as addresses that hold them, a few at a time: a map has 0.4 MB.

    Args:
        pictures: (S, S) uint8 by the number of their row.
        evidence: (N, S, S) uint8 to (N, S, S) float32.
    """
    found, numbers = {}, list(pictures)
    for start in range(0, len(numbers), _DRAWN_AT_ONCE):
        few = numbers[start : start + _DRAWN_AT_ONCE]
        maps = evidence(np.stack([pictures[number] for number in few]))
        for number, each in zip(few, maps, strict=True):
            found[number] = png_data_uri(_small(pictures[number])), png_data_uri(overlay(each))
    return found


def _card(number: int, row: Mapping[str, Any], picture: tuple[str, str] | None, show_names: bool) -> dict[str, Any]:
    facts = [
        ("row of the table of series", number + 1),
        ("series", row["series_number"]),
        ("plane", row["plane"]),
        ("sequence", row["sequence"]),
        ("slices scored", row["slices"]),
        ("files", row["files"]),
        ("header", row["header"]),
        ("rank in its study", row["rank"]),
        ("hash of the series", row["series_id"]),
        ("file", row["series"] if show_names else ""),
    ]
    return {
        "number": number,
        "study": row["study"],
        "verdict": row["verdict"],
        "words": VERDICT_WORDS[row["verdict"]],
        "probability": row["probability"],
        "reason": REASON_WORDS.get(row["reason"], row["reason"]),
        "is_conflict": row["header"] == "conflict",
        "is_check": row["check"] == "yes",
        "deserves_a_look": row["header"] == "conflict" or row["verdict"] == "indeterminate" or row["check"] == "yes",
        "facts": [(name, value) for name, value in facts if value not in ("", None, "unknown")],
        "picture": picture[0] if picture else "",
        "map": picture[1] if picture else "",
    }


def _small(pixels: np.ndarray) -> np.ndarray:
    """Returns every other pixel's mean: 200 pictures are then 5 MB."""
    even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2].astype(np.uint16)
    return ((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2] + 2) // 4).astype(np.uint8)


def _place(card: dict) -> tuple[bool, bool, float]:
    return not card["deserves_a_look"], card["verdict"] == "not_t1", -(card["probability"] or 0.0)


def _studies(cards: Sequence[dict]) -> list[dict[str, Any]]:
    """Returns cards by study; studies, and cards in them, that deserve a look come first, then the likeliest."""
    members: dict[str, list[dict]] = {}
    for card in cards:
        members.setdefault(card["study"], []).append(card)
    for each in members.values():
        each.sort(key=_place)
    studies = [{"study": study, "cards": each} for study, each in members.items()]
    return sorted(studies, key=lambda each: not any(card["deserves_a_look"] for card in each["cards"]))
