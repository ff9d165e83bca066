"""MODEL_CARD.md: what a person must know before using the weights."""

import html
import re
from pathlib import Path

import jinja2

from contrast_tfdata.evaluation import Metrics
from contrast_tfdata.report import findings, threshold
from contrast_tfdata.report.checklists import checklist
from contrast_tfdata.report.context import context
from contrast_tfdata.report.description import RunDescription
from contrast_tfdata.report.templates import environment, visible
from contrast_tfdata.storage.atomic_file import replacing

_MARKDOWN_MARKS = re.compile(r"([\\`*\[\]|])")


def write_model_card(path: Path, *, metrics: Metrics, run: RunDescription) -> Path:
    """Writes a model card after M. Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019).

    Args:
        path: the file, normally MODEL_CARD.md beside the model; its folder must exist.
        metrics: what `evaluation.summarize` returned.
        run: the run that made the weights.

    Returns:
        `path`.

    Raises:
        OSError: the file cannot be written; an older one then stays.
    """
    template = markdown_environment().get_template("model_card.md.j2")
    told = context(metrics, run)
    text = template.render(
        **told,
        point=metrics["operating_point"],
        threshold_chosen=threshold.chosen(metrics["operating_point"]),
        best=metrics.get("test_best_threshold"),
        optimism=findings.optimism(metrics.get("test_best_threshold") or {}),
        checklist=checklist(
            metrics,
            patients_known=bool(run.manifest.get("patients_known")),
            group_rule=told["group_rule"],
        ),
    )
    with replacing(path) as file:
        file.write(text)
    return Path(path)


def markdown_environment() -> jinja2.Environment:
    """Returns the template environment in which every value is text that Markdown shows as it is."""
    markdown = environment(autoescape=False)
    markdown.finalize = escape_markdown
    return markdown


def escape_markdown(value: object) -> str:
    """Returns text that Markdown shows as it is: no HTML, no link, no emphasis, no end of a table's cell."""
    return _MARKDOWN_MARKS.sub(r"\\\1", html.escape(str(visible(value)), quote=False))
