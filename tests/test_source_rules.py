"""Rules about the source: who imports whom, who imports TensorFlow, who reads flags."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "contrast_tfdata"
STAGES = (
    "storage", "images", "phantom", "intake", "patients", "records", "pipeline", "model", "training", "evaluation",
    "scoring", "exporting", "report", "console", "runs", "api",
)  # fmt: skip
"""In the order in which data goes through them; a stage may import itself and those before it."""
DATA = ("pretrained",)
"""Folders that hold no module."""
ENTRY_POINTS = ("make_records", "train", "evaluate", "predict", "export")
TOP_LEVEL = (*ENTRY_POINTS, "__init__", "errors", "version", "wording")
"""Modules outside of every room: what anyone may import, and what nobody imports."""
FREE_OF_TENSORFLOW = ("storage", "images", "phantom", "intake", "patients", "evaluation", "report")
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports_of(path):
    """Yields every module that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def stage_of(path):
    first = path.relative_to(PACKAGE).parts[0]
    return first if first in STAGES else None


def test_every_folder_is_a_stage():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {*STAGES, *DATA}
    assert not [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in DATA]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_stages_import_only_what_comes_before(path):
    stage = stage_of(path)
    if stage is None:
        return
    later = STAGES[STAGES.index(stage) + 1 :]
    imported = {name.split(".")[1] for name in imports_of(path) if name.startswith("contrast_tfdata.")}
    assert not imported & {*later, *ENTRY_POINTS}


def test_nothing_else_lies_outside_of_the_rooms():
    assert sorted(path.stem for path in PACKAGE.glob("*.py")) == sorted(TOP_LEVEL)


@pytest.mark.parametrize("name", ["errors", "version", "wording"])
def test_what_lies_outside_imports_no_room(name):
    imported = {each for each in imports_of(PACKAGE / f"{name}.py") if each.startswith("contrast_tfdata.")}
    assert {each.split(".")[1] for each in imported} <= {"errors", "version"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_entry_points_read_flags(path):
    uses_flags = any(name.startswith("absl") for name in imports_of(path))
    assert not uses_flags or path.stem in (*ENTRY_POINTS, "cli", "common_flags", "flag_types", "help_page")
    if path.stem == "common_flags":
        assert ".value" not in path.read_text()


def test_one_module_reads_csv():
    readers = re.compile(r"csv\.(reader|DictReader)|read_csv\(")
    users = {path.name for path in MODULES if readers.search(path.read_text())}
    assert users == {"csv_table.py", "predictions.py", "several_trainings.py"}  # The last two: `predictions.read_csv`.


def test_one_module_imports_addons():
    users = [path.name for path in MODULES if any(name.startswith("tensorflow_addons") for name in imports_of(path))]
    assert users == ["addons.py"]


def test_no_import_cycles():
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in MODULES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {}
    for name, path in names.items():
        imported = set(imports_of(path)) & names.keys() - {name}
        # `from package import module` needs the module, not what else the package's __init__ gathers.
        packages = {each.rpartition(".")[0] for each in imported}
        graph[name] = {each for each in imported if each not in packages}
    while True:
        leaves = {name for name, imported in graph.items() if not imported & graph.keys()}
        if not leaves:
            break
        graph = {name: imported for name, imported in graph.items() if name not in leaves}
    assert not graph, f"these import each other: {sorted(graph)}"


@pytest.mark.parametrize("package", FREE_OF_TENSORFLOW)
def test_importing_it_imports_no_tensorflow(package):
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in (PACKAGE / package).rglob("*.py")
        if path.name != "__init__.py"
    ]
    code = f"import sys, {', '.join(modules)}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_importing_a_command_imports_no_tensorflow(name):
    code = f"import sys, contrast_tfdata.{name}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_process_can_import_all_commands():
    code = "; ".join(f"import contrast_tfdata.{name}" for name in ENTRY_POINTS)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_command_keeps_its_shared_flags_beside_the_others():
    """A flag that two commands share belongs to both, whichever was imported first: flags.txt lists them."""
    names = {"train": "workdir records_dir batch_size seed", "evaluate": "workdir records_dir split output_dir"}
    for orders in (("train", "evaluate"), ("evaluate", "train")):
        code = "import sys; from absl import flags; " + "; ".join(f"import contrast_tfdata.{name}" for name in orders)
        for name, wanted in names.items():
            code += f"\nmodule = sys.modules['contrast_tfdata.{name}']"
            code += "\nkeys = {f.name for f in flags.FLAGS.get_key_flags_for_module(module)}"
            code += f"\nassert set('{wanted}'.split()) <= keys, keys"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def test_one_module_uses_private_interfaces_of_tensorflow():
    """By their names: what lies in tensorflow.python or begins with an underscore."""
    private = re.compile(r"tensorflow\.(python|tsl|core)\b|\b(model|optimizer|strategy)\._[a-z]")
    users = [path.name for path in MODULES if private.search(path.read_text())]
    assert users == ["private_interfaces.py"]


@pytest.mark.parametrize(
    "path", [path for path in MODULES if "def call(" in path.read_text()], ids=lambda path: path.stem
)
def test_what_keras_traces_has_no_assignment_expressions(path):
    """AutoGraph of TensorFlow 2.21 cannot convert them."""
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.NamedExpr)]
