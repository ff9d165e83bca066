"""How figures look, and their way into files and pages."""

import base64
import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from contrast_tfdata.report.colours import FAINT, INK
from contrast_tfdata.storage.atomic_file import replacing

PNG_DPI = 160
_TEXT_POINTS = 10.5
# Matplotlib would otherwise draw random identifiers and the date into an SVG: equal runs give equal files.
_REPEATABLE_SVG = {"svg.hashsalt": "contrast_tfdata"}


_DRAWING = [key for key in matplotlib.rcParamsDefault if not key.startswith("backend")]
own_settings = matplotlib.rc_context({key: matplotlib.rcParamsDefault[key] for key in _DRAWING})
"""Decorates what draws: a user's matplotlibrc would change figures, or end the command (text.usetex without TeX)."""


def new_figure(width: float = 5.2, height: float = 4.0) -> Figure:
    """Returns an empty figure of that size in inches which belongs to nobody else (no pyplot state)."""
    return Figure(figsize=(width, height), layout="constrained")


def dress(axes: Axes, *, title: str, x_label: str, y_label: str):
    """Puts on title, labels, a light grid and no box."""
    axes.set_title(title, fontsize=_TEXT_POINTS + 1.5, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(x_label, fontsize=_TEXT_POINTS, color=INK)
    axes.set_ylabel(y_label, fontsize=_TEXT_POINTS, color=INK)
    axes.tick_params(labelsize=_TEXT_POINTS - 1, colors=INK)
    axes.grid(color="#e3e7ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)


def legend(figure: Figure, columns: int = 1):
    """Adds one legend of all axes below them, where it covers nothing; what several axes share stands in it once."""
    shown = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        shown |= dict(zip(labels, handles, strict=True))
    if not shown:
        return
    figure.legend(
        shown.values(),
        shown.keys(),
        ncols=columns,
        columnspacing=1.2,
        handlelength=1.6,
        loc="outside lower center",
        fontsize=_TEXT_POINTS - 1,
        frameon=False,
    )


def write_png(figure: Figure, path: Path):
    """Writes the figure, complete or not at all.

    Raises:
        OSError: when it cannot be written.
    """
    with replacing(path, binary=True) as file:
        Image.fromarray(rgba(figure, PNG_DPI)).save(file, "PNG", dpi=(PNG_DPI, PNG_DPI))


def rgba(figure: Figure, dpi: int = 80) -> np.ndarray:
    """Returns the figure's pixels, (h, w, 4) uint8."""
    figure.set_dpi(dpi)
    _lay_out(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def svg_data_uri(figure: Figure) -> str:
    """Returns the figure as lines, not pixels, for the `src` of an image in a page that loads nothing."""
    _lay_out(figure)
    buffer = io.StringIO()
    with matplotlib.rc_context(_REPEATABLE_SVG):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue().encode()).decode("ascii")


def _lay_out(figure: Figure):
    """Makes room for all texts, once: `savefig` does so twice for every file, which is a third of a report's time."""
    engine = figure.get_layout_engine()
    if engine and figure.axes:
        engine.execute(figure)
        figure.set_layout_engine("none")
