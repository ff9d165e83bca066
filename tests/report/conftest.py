"""What the tests of reports share: predictions, pictures, and a reader of pages."""

import html.parser

import numpy as np
import pytest

from contrast_tfdata.evaluation import Predictions


def _draw(count, seed=0, labels=None, path="{}.png", shift=3.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3 // 2 if labels is None else np.asarray(labels)
    return Predictions(
        path=tuple(path.format(i) for i in range(count)),
        slice_index=np.zeros(count, np.int64),
        example_id=tuple(f"{seed}-{i}" for i in range(count)),
        group=tuple(f"g{i // 4}" for i in range(count)),
        label=labels,
        logit=rng.normal(shift * (2 * np.maximum(labels, 0) - 1), 2).astype(np.float32),
    )


def _pictures(*splits):
    rng = np.random.default_rng(1)
    return {key: rng.integers(0, 256, (48, 40), np.uint8) for split in splits for key in split.example_id}


class Text(html.parser.HTMLParser):
    """What a page shows, but for its list of contents, and what it refers to."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags, self.sources = "", [""], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        if self.tags[-1] not in ("style", "a"):
            self.text += data


@pytest.fixture(scope="session")
def draw():
    """Function: count, seed, labels, path pattern, distance of the classes -> predictions."""
    return _draw


@pytest.fixture(scope="session")
def pictures():
    """Function: predictions -> a picture of noise for each of their examples."""
    return _pictures


@pytest.fixture(scope="session")
def parse():
    """Function: page -> its text, tags and references."""
    return Text


@pytest.fixture(autouse=True)
def coarse_figures(monkeypatch):
    """Figures of few pixels, for time; fixtures of a wider scope are made before this one and get full ones."""
    monkeypatch.setattr("contrast_tfdata.report.style.PNG_DPI", 40)
