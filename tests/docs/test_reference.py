"""docs/reference.md and docs/troubleshooting.md name what the package writes and says."""

import ast
import json
import re

import pytest
from pages import ROOT
from running import WORKDIR_FILES, run

from contrast_tfdata import errors
from contrast_tfdata.images.slices import OUT_OF_SCOPE
from contrast_tfdata.model import pretrained
from contrast_tfdata.scoring.tables import VERDICTS
from contrast_tfdata.scoring.verdicts import HEADERS

SOURCES = [path.read_text() for path in (ROOT / "contrast_tfdata").rglob("*.py")]
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


def test_every_reason_is_explained():
    raised = {code for source in SOURCES for code in re.findall(r'RejectedImageError\(\s*"(\w+)"', source)}
    assert len(raised) > 20
    assert (raised | set(OUT_OF_SCOPE)) - CODED == set()


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
