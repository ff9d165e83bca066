"""The page: findings, figures and facts into one HTML file that loads nothing."""

import dataclasses
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.report import findings
from contrast_tfdata.report.context import context, flat
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.gallery import Case, Gallery, Suspects
from contrast_tfdata.report.ordering import CASE_ORDERS, SERIES_ORDERS, places
from contrast_tfdata.report.overlay import overlay
from contrast_tfdata.report.series_table import SeriesTable
from contrast_tfdata.report.style import svg_data_uri
from contrast_tfdata.report.templates import environment, png_data_uri


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
    suspects: Suspects | None = None,
    series_table: SeriesTable | None = None,
) -> str:
    """Returns the HTML of the report. Every text in it is escaped; no surrogate is left, so it is valid UTF-8."""
    errors = gallery.cases if gallery else ()
    shown = {case.key for case in errors}
    others = [case for case in suspects.cases if case.key not in shown] if suspects else []
    template = environment(autoescape=True).get_template("report.html.j2")
    return template.render(
        **context(metrics, run),
        class_names=CLASS_NAMES,
        tiles=findings.tiles(metrics),
        series_table=series_table,
        series_orders=SERIES_ORDERS,
        case_orders=CASE_ORDERS,
        places=places,
        confusions=findings.confusion_panels(metrics),
        charts=[{"source": svg_data_uri(chart.figure), "text": chart.text} for chart in charts],
        has_history=has_history,
        gallery=gallery,
        suspects=suspects,
        shown_as_errors=shown,
        other_suspects=others,
        pictures=_pictures([*errors, *others]),
        overlays=_overlays([*errors, *others]),
        shards=_shards(run.manifest),
        data_facts=list(flat({key: value for key, value in run.manifest.items() if key not in _SHOWN_ELSEWHERE})),
        environment_facts=list(flat(run.environment)),
    )


_SHOWN_ELSEWHERE = ("splits", "warnings", "class_names")


def _shards(manifest: Mapping) -> list[Mapping]:
    return [shard for split in manifest.get("splits", {}).values() for shard in split.get("shards", ())]


def _pictures(cases: Sequence[Case]) -> dict[tuple[str, int], str]:
    return {case.key: png_data_uri(case.pixels) for case in cases if case.pixels is not None}


def _overlays(cases: Sequence[Case]) -> dict[tuple[str, int], str]:
    mapped = (case for case in cases if case.pixels is not None and case.evidence is not None)
    return {case.key: png_data_uri(overlay(case.evidence)) for case in mapped}
