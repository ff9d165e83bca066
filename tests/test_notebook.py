"""docs/siim_notebook.ipynb: it runs from top to bottom, and what is committed shows what it shows."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs" / "siim_notebook.ipynb"
STEPS = (
    "Environment", "The folders", "Reading the pictures", "The network", "Training", "Learning curves",
    "The validation split", "The test split", "The threshold with the best accuracy", "How sure is the network?",
    "The errors", "Files that it never saw",
)  # fmt: skip
"""Those of the original, in its order, and two more."""
FIGURES = 10


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(notebook):
    outputs = [output for cell in code_of(notebook) for output in cell.outputs]
    return [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]


def test_it_has_the_steps_of_the_original(committed):
    nbformat.validate(committed)
    texts = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "markdown")
    assert tuple(re.findall(r"^## \d+\. (.*)$", texts, re.MULTILINE)) == STEPS


def test_outputs_are_committed(committed):
    assert [cell.execution_count for cell in code_of(committed)] == list(range(1, len(code_of(committed)) + 1))
    assert len(pictures(committed)) == FIGURES
    text = "".join(output.get("text", "") for cell in code_of(committed) for output in cell.outputs)
    assert "109,073" in str(committed)
    assert not re.search(r"/home/|/root/|/tmp/|Error", text)
    assert NOTEBOOK.stat().st_size < 2_000_000


def test_it_is_short(committed):
    assert sum(len(cell.source.splitlines()) for cell in code_of(committed)) <= 80


@pytest.mark.slow
def test_it_runs(committed, tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in code_of(notebook):
        cell.outputs = []
    NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert len(pictures(notebook)) == FIGURES
    assert "siim-records" in {path.name for path in tmp_path.iterdir()}
