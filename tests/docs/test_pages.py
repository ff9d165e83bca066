"""Pages are short, their links lead somewhere, and figures that stand in two places are the same."""

import json
import re

import pytest
from pages import PAGES, ROOT, anchors, blocks, links, name_of, prose

from contrast_tfdata import __version__

README = (ROOT / "README.md").read_text()
MOST_LINES = {"README.md": 130, "BUILD.md": 200}


@pytest.mark.parametrize(("name", "most"), MOST_LINES.items())
def test_pages_that_everybody_opens_are_short(name, most):
    assert len((ROOT / name).read_text().splitlines()) <= most


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page):
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_index():
    listed = {link for link in links(ROOT / "docs" / "index.md") if "/" not in link}
    pages = {page.name for kind in ("*.md", "*.ipynb") for page in (ROOT / "docs").glob(kind)}
    assert listed | {"index.md"} == pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_say_what_they_are(page):
    assert {block.language for block in blocks(page)} <= {"sh", "bash", "python"}
    assert not re.search(r"^\s*\n {4}\S", prose(page), re.MULTILINE), "an indented block is run by no test"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_flags_in_the_text_exist(page):
    """Flags of the commands; those of other programs stand in blocks alone."""
    defined = set(re.findall(r'(?:DEFINE|define)_\w+\(\s*"(\w+)"', "".join(path.read_text() for path in SOURCES)))
    known = {*defined, *(f"no{name}" for name in defined), "flagfile", "help", "debug", "only_check_args"}
    others = {"torch-python", "runner", "flink_master"}
    named = re.findall(r"`[^`\n]*?--([A-Za-z][\w-]*)", prose(page))
    assert set(named) <= known | others


SOURCES = list((ROOT / "contrast_tfdata").rglob("*.py"))


def row(start):
    """Returns the cells of the row of the README's results that begins so."""
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {start}")]
    return line.strip("| ").split(" | ")


def test_speed_in_the_readme_is_that_of_the_benchmarks():
    summary = json.loads((ROOT / "benchmarks" / "summary.json").read_text())
    expected = {
        "training step with its input": f"{summary['step_ratio_vs_slides']:.1f} times faster",
        "against plain Keras": f"{summary['step_ratio_vs_keras_best']:.1f} times faster",
        "against PyTorch": f"{summary['step_ratio_vs_torch_best']:.1f} times faster",
        "memory of the training process": f"{summary['peak_memory_ratio']:.2f} of it",
        "scoring a folder": f"{summary['predict_files_per_second']:.0f} files a second",
        "verdict on one DICOM series": f"{summary['seconds_to_first_verdict']:.1f} s",
    }
    assert {start: row(start)[1] for start in expected} == expected


def test_sizes_in_the_readme_are_those_of_the_benchmarks():
    (sizes,) = re.findall(r"^\| sizes \| (.*) \|$", (ROOT / "benchmarks" / "RESULTS.md").read_text(), re.MULTILINE)
    images = re.search(r"folder of (\d+)", row("scoring a folder")[0])[1]
    files = re.search(r"of (\d+) files", row("verdict on one DICOM series")[0])[1]
    assert {f"images {images}", f"series_files {files}"} <= set(sizes.split(", "))


def test_accuracy_in_the_readme_is_that_of_the_model_card():
    measured = json.loads((ROOT / "contrast_tfdata" / "pretrained" / "measurements.json").read_text())["rows"]
    lines = README.splitlines()
    for source in measured:
        cells = row(f"shipped weights, {source['slices']} ")
        low, high = source["auc_ci95"]
        assert f"{source['patients']} patients" in cells[0]
        assert cells[1] == f"AUC {source['auc']:.3f} (95 % interval {low:.3f} to {high:.3f})"
        following = lines[lines.index(f"| {' | '.join(cells)} |") + 1]
        assert following.startswith(
            f"| the same slices, each with the same histogram | AUC {source['matched_auc']:.3f} "
        )


def test_the_version_is_the_newest_in_the_changelog():
    first = re.search(r"^## \[(.+?)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first[1] == __version__
    assert first[2] == "unreleased" or re.fullmatch(r"\d{4}-\d\d-\d\d", first[2])
