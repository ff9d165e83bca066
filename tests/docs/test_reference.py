"""docs/reference.md and docs/troubleshooting.md name what the package writes and says."""

import ast
import json
import re

import pytest
from pages import ROOT
from running import WORKDIR_FILES, run

from contrast_tfdata import errors
from contrast_tfdata.images.slices import OUT_OF_SCOPE
from contrast_tfdata.intake.files import Problem
from contrast_tfdata.model import pretrained
from contrast_tfdata.scoring.tables import VERDICTS
from contrast_tfdata.scoring.verdicts import HEADERS

PACKAGE = ROOT / "contrast_tfdata"
SOURCES = [path.read_text() for path in PACKAGE.rglob("*.py")]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
PREDICT = (ROOT / "docs" / "predict.md").read_text()
CODED = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`\n]+)`", REFERENCE))))
"""Every word that the reference sets as code."""
OF_OTHERS = (
    "ModuleNotFoundError",
    "AttributeError",
    "ImportError",
    "ERROR: No matching distribution",
    "numpy.core",
    "_ARRAY_API",
)
"""How messages begin that come from Python, pip and NumPy."""
EXAMPLES = r"\d+|\bnan\b|\.\.\.|\btest\b|model\.json|worker 1 \(.*\)"
"""What stands in a message for what differs from case to case."""
BY_NAME = {"classes", "rejected", "skipped", "flags", "versions", "packages", "bounds", "runtime", "files"}
"""Keys of which the keys below are names of other things."""


def keys_of(value):
    """Yields every key of JSON, at any depth."""
    for each in value if isinstance(value, list) else []:
        yield from keys_of(each)
    for key, each in value.items() if isinstance(value, dict) else []:
        yield key
        yield from () if key in BY_NAME else keys_of(each)


def said_by_sources():
    """Returns every text in the sources, what is put into it left out."""
    texts = [(ROOT / "Makefile").read_text()]
    for node in (node for source in SOURCES for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
        if isinstance(node, ast.JoinedStr):
            texts.append("\0".join(each.value for each in node.values if isinstance(each, ast.Constant)))
    return "\n".join(texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["records/manifest.json", "run/metrics.json", "run/model/model.json"])
def test_every_key_is_explained(trained, name):
    keys = {key.removesuffix("_ci95") for key in keys_of(json.loads((trained / name).read_text()))}
    assert keys - {"auc_histogram_matched_ci95_by_group", *CODED, *splits_and_classes()} == set()


def splits_and_classes():
    return {"train", "validation", "test", "no_gad", "with_gad"}


@pytest.mark.slow
def test_every_file_of_a_run_is_explained(trained):
    assert {name for name in WORKDIR_FILES if f"`{name}" not in REFERENCE} == set()
    in_records = {path.name for path in (trained / "records").iterdir() if not path.name.startswith("contrast-")}
    assert {name for name in in_records if f"`{name}`" not in REFERENCE} == set()


@pytest.mark.slow
def test_every_table_and_column_of_a_prediction_is_explained(trained, tmp_path):
    result = run("predict", "SCANS", f"--output={tmp_path}/P.csv", f"--report={tmp_path}/P.html", cwd=trained)
    assert result.returncode == 0
    for path in tmp_path.iterdir():
        assert f"`{path.name}`" in REFERENCE
        if path.suffix == ".csv":
            columns = set(path.read_text().splitlines()[0].split(","))
            assert columns - CODED - set(VERDICTS) == set()


@pytest.mark.slow
def test_every_fact_of_an_export_is_explained(trained, tmp_path):
    result = run("export", "--workdir=run", "--format=onnx", f"--output={tmp_path}/m.onnx", cwd=trained)
    assert result.returncode == 0, result.stderr
    assert set(json.loads((tmp_path / "m.onnx.json").read_text())) <= CODED


REASONS = (
    r'RejectedImageError\(\s*"(\w+)"',
    r'\.report\([^"]*?"(\w+)"',
    r'\.report\([^"]*?"\w+" if [^"]*? else "(\w+)"',
    r'return "(\w+)", f?"',
    r'(?:left_out|skipped)\["(.+?)"\]',
)
"""How the sources give a file's reason: where it is read, listed, or left out of the records."""


def test_every_reason_is_explained_once_and_where_it_belongs():
    (section,) = re.findall(r"### Reasons for a skipped file\n(.*?)\n## ", REFERENCE, re.DOTALL)
    table, links, counted, damaged = re.split(
        r"^(?:Links|`make_records` also|Damaged).*?: ", section, flags=re.MULTILINE
    )
    named = [re.findall(r"`([^`]+)`", part) for part in (links, counted, damaged)]
    links, counted, damaged = ([each for each in part if each not in ("make_records", "detail")] for part in named)
    assert sorted(re.findall(r"^\| `(\w+)` \| (?!meaning)", table, re.MULTILINE)) == sorted(OUT_OF_SCOPE)
    rooms = [path.read_text() for room in ("images", "intake", "patients") for path in (PACKAGE / room).glob("*.py")]
    given = {each for source in rooms for pattern in REASONS for each in re.findall(pattern, source)} - set(
        OUT_OF_SCOPE
    )
    assert sorted([*links, *counted, *damaged]) == sorted(given | {"system files"})
    assert sorted(links) == sorted(each for each in given if Problem("", each, "").is_no_image)


@pytest.mark.parametrize("words", [VERDICTS, HEADERS])
def test_every_verdict_is_explained(words):
    rows = set(re.findall(r"^\| `(\w+)` \|", PREDICT, re.MULTILINE))
    assert set(words) <= rows


def test_every_exit_code_is_explained():
    codes = {each.exit_code for each in vars(errors).values() if hasattr(each, "exit_code")}
    (table,) = re.findall(r"## Exit codes\n(.*?)\n## ", REFERENCE, re.DOTALL)
    assert codes | {0} == set(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE)))


def test_messages_are_those_of_the_package():
    said = said_by_sources()
    for line in (ROOT / "docs" / "troubleshooting.md").read_text().splitlines():
        for message in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
            if not message.startswith(OF_OTHERS):
                assert all(piece.strip() in said for piece in re.split(EXAMPLES, message)), message


def test_the_band_in_the_guide_is_that_of_the_package():
    band = json.loads((pretrained.directory() / "model.json").read_text())["indeterminate_band"]
    assert f"probability from {band['low']:.2f} to {band['high']:.2f}:" in PREDICT
