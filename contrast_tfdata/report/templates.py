"""What pages and cards are made with: templates, and pictures inside a page."""

import base64
import io

import jinja2
import markupsafe
import numpy as np
from PIL import Image

_LONG = 200


def environment(*, autoescape: bool) -> jinja2.Environment:
    """Returns the template environment of this package, in which a name that is not defined is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("contrast_tfdata.report", ""),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["folded"] = folded
    return made


def folded(text: str) -> tuple[str, str]:
    """Returns a long warning's sentence, and the list of files that ends it, for a page to fold; "" without one."""
    first, semicolon, _ = text.partition("; ")
    sentence, colon, _ = first.rpartition(": ")
    listed = text[len(sentence) + len(colon) :]
    names_files = "/" in first[len(sentence) :] or " = " in first[len(sentence) :]
    if len(text) <= _LONG or not semicolon or not colon or not names_files or ". " in listed:  # Sentences, no list.
        return text, ""
    return f"{sentence}.", listed


def visible(value: object) -> object:
    """Returns a text with its unprintable characters spelled out; markup and anything else as it is.

    Line breaks, control characters, bytes that are not UTF-8 and marks that reverse the reading direction can all stand
    in a file's name; a reader should see them, and a browser should not act on them.
    """
    if not isinstance(value, str) or isinstance(value, markupsafe.Markup) or value.isprintable():
        return value
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in value
    )


def png_data_uri(pixels: np.ndarray) -> str:
    """Returns a picture, unchanged, for the `src` of an image: (h, w) uint8 grey, or (h, w, 4) with opacity."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
