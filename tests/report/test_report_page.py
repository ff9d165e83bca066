"""The page in a browser, where there is one."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from summaries import summarize

from contrast_tfdata.evaluation import ConfounderScores, Predictions
from contrast_tfdata.images.perturbations import PERTURBATIONS
from contrast_tfdata.report import RunDescription, write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
)
NAME = "<script>document.title='run'</script>.png"
# Put into a copy of the page, whose own rules would forbid it: asks the browser what it made of the page.
PROBE = """<script>
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(each => each.open = true);
  const cells = [...document.querySelectorAll("th, td")].filter(
    each => each.getBoundingClientRect().right > innerWidth);
  const broken = [...document.images].filter(image => !image.naturalWidth).length;
  const wide = document.documentElement.scrollWidth - innerWidth;
  const loaded = performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length;
  document.title = `broken=${broken} wide=${wide + cells.length} images=${document.images.length} loaded=${loaded}`;
});
</script>"""


# Chooses one order after the other and writes down what a reader then sees from top to bottom.
SORTED = """<script>
addEventListener("load", () => {
  const seen = {};
  document.querySelectorAll("details").forEach(each => each.open = true);
  for (const orders of document.querySelectorAll(".orders")) {
    const holder = orders.parentElement;
    for (const choice of orders.querySelectorAll("input")) {
      choice.click();
      const entries = [...holder.querySelectorAll(".gallery figure, .sortable tbody tr")];
      const place = entry => entry.getBoundingClientRect().top * 10000 + entry.getBoundingClientRect().left;
      seen[choice.name + " " + choice.className] = entries.sort((a, b) => place(a) - place(b)).map(e => e.innerText);
    }
  }
  document.body.dataset.seen = JSON.stringify(seen);
});
</script>"""

# As if it were printed: what a closed fold shows then.
PRINTED = """<script>
addEventListener("load", () => {
  const folded = [...document.querySelectorAll("details > :not(summary)")];
  const hidden = folded.filter(each => !each.checkVisibility() || !each.getBoundingClientRect().height).length;
  document.body.dataset.printed = CSS.supports("selector(::details-content)") ? `${hidden} of ${folded.length}` : "not";
});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    labels, ids = np.arange(60) % 2, tuple(map(str, range(60)))
    paths = tuple(f"{number // 4 % 5} of {number % 2} {NAME}" for number in range(60))  # Several slices a file.
    split = Predictions(paths, np.arange(60) // 20, ids, ids, labels, rng.normal(2 * labels - 1, 1))
    history = [{"epoch": n, "loss": 1 / n, "accuracy": 0.9, "val_loss": 1 / n, "val_accuracy": 0.8} for n in (1, 2)]
    images = {key: rng.integers(0, 256, (64, 64), np.uint8) for key in ids}
    shards = [{"name": "contrast-train.tfrecord-00000-of-00001", "bytes": 1, "records": 1, "sha256": "ab" * 32}]
    manifest = {"splits": {"train": {"records": 60, "classes": {}, "groups": 60, "shards": shards}}, "image_size": 331}
    run = RunDescription(
        f"A run {NAME}",
        ("contrast_tfdata.train", *(30 * ["--flag=value"])),
        {"records_dir": "x" * 200},
        manifest=manifest,
    )
    trivial = {"mean_grey": -split.logit, "bright_share": split.logit, "foreground_share": rng.random(60)}
    checks = {"test": ConfounderScores(rng.normal(labels, 2), trivial)}
    metadata = {"test": [{"vendor": f"a vendor with a long name, number {number % 3}"} for number in range(60)]}
    perturbed = {"test": dict.fromkeys(PERTURBATIONS, split.logit)}
    metrics = summarize(split, split, checks=checks, metadata=metadata, perturbed=perturbed)
    splits = {"validation": split, "test": split}
    maps = {key: rng.normal(size=(64, 64)) for key in ids}
    return write_report(folder, metrics=metrics, **splits, history=history, images=images, run=run, maps=maps)


def browse(path, profile, *options):
    command = [BROWSER, *QUIET, f"--user-data-dir={profile}", *options, "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


def test_no_console_message_and_no_script_of_a_name_runs(page, tmp_path):
    result = browse(page, tmp_path / "profile")
    assert "CONSOLE" not in result.stderr
    assert html.unescape(re.search(r"<title>(.*?)</title>", result.stdout).group(1)) == f"A run {NAME}"
    assert html.escape(NAME, quote=False) in result.stdout
    assert "<script" not in result.stdout


@pytest.mark.parametrize("width", [390, 1280])
def test_every_picture_shows_and_nothing_sticks_out(page, tmp_path, width):
    probed = re.sub(r"<meta http-equiv.*", PROBE.replace("\\", r"\\"), page.read_text("utf-8"), count=1)
    # A frame, because a window cannot be as narrow as a phone; --dump-dom then tells the frame's findings.
    (tmp_path / "frame.html").write_text(
        f'<iframe style="width:{width}px;height:800px;border:0" srcdoc="{html.escape(probed)}" '
        'onload="setTimeout(() => { document.body.dataset.found = this.contentDocument.title }, 300)"></iframe>'
    )
    result = browse(tmp_path / "frame.html", tmp_path / "profile", "--virtual-time-budget=5000")
    found = re.search(r'data-found="broken=(\d+) wide=(-?\d+) images=(\d+) loaded=(\d+)"', result.stdout)
    assert found, result.stdout[-500:]
    broken, wide, images, loaded = map(int, found.groups())
    assert (broken, loaded) == (0, 0)
    assert wide <= 0
    assert images >= 6


def test_sorting_works_without_a_script(page, tmp_path):
    probed = re.sub(r"<meta http-equiv.*", SORTED.replace("\\", r"\\"), page.read_text("utf-8"), count=1)
    (tmp_path / "sorted.html").write_text(probed)
    result = browse(tmp_path / "sorted.html", tmp_path / "profile", "--virtual-time-budget=5000")
    seen = json.loads(html.unescape(re.search(r'data-seen="([^"]*)"', result.stdout).group(1)))
    assert set(seen) == {
        *(f"order-of-maps-of-errors by{number}" for number in range(4)),
        *(f"order-of-{lines} by{number}" for lines in ("series", "right-series") for number in range(5)),
    }
    rows = [int(text[1:].split()[0]) for text in seen["order-of-maps-of-errors by1"]]
    assert rows == sorted(rows)
    assert len(rows) > 5
    first = [int(text[1:].split()[0]) for text in seen["order-of-maps-of-errors by0"]]
    assert sorted(first) == rows
    assert first != rows
    for lines in ("series", "right-series"):
        probabilities = [float(re.search(r"0\.\d{4}", text)[0]) for text in seen[f"order-of-{lines} by1"]]
        assert probabilities == sorted(probabilities)
        files = [re.search("\\d of \\d", text)[0] for text in seen[f"order-of-{lines} by4"]]
        assert files == sorted(files)
    right, others = (seen[f"order-of-{lines} by0"] for lines in ("right-series", "series"))
    assert len(right + others) == 10
    assert [text.startswith("right") for text in others + right] == [False] * len(others) + [True] * len(right)


def test_folds_are_open_on_paper(page, tmp_path):
    probed = re.sub(r"<meta http-equiv.*", PRINTED.replace("\\", r"\\"), page.read_text("utf-8"), count=1)
    (tmp_path / "printed.html").write_text(probed.replace("@media print", "@media all"))
    result = browse(tmp_path / "printed.html", tmp_path / "profile", "--virtual-time-budget=5000")
    found = re.search(r'data-printed="([^"]*)"', result.stdout).group(1)
    if found == "not":
        pytest.skip("this browser's style sheets cannot open folds")
    assert re.fullmatch(r"0 of [1-9]\d*", found)
