"""The page: findings, figures and facts into one HTML file that loads nothing."""

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

import markupsafe
from matplotlib.figure import Figure

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.model.architecture import LayerRow, layer_table
from contrast_tfdata.report import findings, headline
from contrast_tfdata.report.context import context, flat
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.gallery import Case, Gallery, Samples, Suspects
from contrast_tfdata.report.ordering import CASE_ORDERS, SERIES_ORDERS, places
from contrast_tfdata.report.overlay import overlay
from contrast_tfdata.report.series_table import SeriesTable
from contrast_tfdata.report.style import svg_data_uri
from contrast_tfdata.report.templates import environment, png_data_uri
from contrast_tfdata.report.words import CLASS_WORDS

_HEADING = re.compile(r'<section id="([a-z-]+)">\s*<h2>(.*?)</h2>')


@dataclasses.dataclass(frozen=True)
class Chart:
    """A figure of the page.

    Attributes:
        figure: to be shown as lines.
        text: what it shows, for those who cannot see it; also its caption.
    """

    figure: Figure
    text: str


def render(
    *,
    metrics: Metrics,
    charts: Sequence[Chart],
    gallery: Gallery | None,
    run: RunDescription,
    has_history: bool,
    samples: Samples | None = None,
    suspects: Suspects | None = None,
    series_table: SeriesTable | None = None,
) -> str:
    """Returns the HTML of the report. Every text in it is escaped; no surrogate is left, so it is valid UTF-8."""
    shown = [*(samples.cases + samples.right if samples else ()), *(gallery.cases if gallery else ())]
    keys = {case.key for case in shown}
    told = context(metrics, run)
    review_warning = findings.review_warning(metrics, patients_known=run.patients_known)
    listed = suspects.cases if suspects and not review_warning else ()
    others = [case for case in listed if case.key not in keys]
    template = environment(autoescape=True).get_template("report.html.j2")
    return template.render(
        **told,
        contents=contents,
        class_names=CLASS_NAMES,
        class_words=CLASS_WORDS,
        tiles=headline.tiles(metrics, told["main_split"], run),
        series_table=series_table,
        series_orders=SERIES_ORDERS,
        case_orders=CASE_ORDERS,
        places=places,
        confusions=findings.confusion_panels(metrics),
        charts=[{"source": svg_data_uri(chart.figure), "text": chart.text} for chart in charts],
        has_history=has_history,
        samples=samples,
        gallery=gallery,
        suspects=suspects,
        review_warning=review_warning,
        other_suspects=others,
        pictures=_pictures([*shown, *others]),
        overlays=_overlays([*shown, *others]),
        layers=_layers(run.manifest),
        shards=_shards(run.manifest),
        data_facts=list(flat({key: value for key, value in run.manifest.items() if key not in _SHOWN_ELSEWHERE})),
        environment_facts=list(flat(run.environment)),
        command=[shell_word(word) for word in run.command],
    )


_SHOWN_ELSEWHERE = ("splits", "warnings", "class_names")


def contents(sections: markupsafe.Markup) -> list[tuple[str, markupsafe.Markup]]:
    """Returns the anchor and the heading of each section of the page, so that none can be missing from its list."""
    return [(anchor, markupsafe.Markup(heading)) for anchor, heading in _HEADING.findall(sections)]


def shell_word(text: str) -> str:
    """Returns a word as a shell takes it, of printable characters only: others would not survive the page."""
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_in_dollar_quotes, text))}'"


def _in_dollar_quotes(character: str) -> str:
    if character.isprintable() and character not in "\\'":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _layers(manifest: Mapping) -> list[LayerRow]:
    size = manifest.get("image_size")
    return layer_table(size) if isinstance(size, int) else []


def _shards(manifest: Mapping) -> list[Mapping]:
    return [shard for split in manifest.get("splits", {}).values() for shard in split.get("shards", ())]


def _pictures(cases: Iterable[Case]) -> dict[tuple[str, int], str]:
    return {case.key: png_data_uri(case.pixels) for case in cases if case.pixels is not None}


def _overlays(cases: Iterable[Case]) -> dict[tuple[str, int], str]:
    mapped = (case for case in cases if case.pixels is not None and case.evidence is not None)
    return {case.key: png_data_uri(overlay(case.evidence)) for case in mapped}
