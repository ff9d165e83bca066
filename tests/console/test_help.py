"""`--help` of every command, and what a command says of flags that it does not take."""

import json
import shlex
import subprocess
import sys

import pytest
from running import fresh, run, run_program

COMMANDS = ("make_records", "train", "evaluate", "predict", "export")
PAGES = """
import importlib, json
from absl import flags
found = {}
for name in NAMES:
    module = importlib.import_module(f"contrast_tfdata.{name}")
    own = [flag.name for flag in flags.FLAGS.get_key_flags_for_module(module)]
    page = module.HELP
    typos = {typo: page.nearest(typo) for flag in own for typo in (flag.replace("_", "-"), flag[:2] + flag[3:])}
    found[name] = {"own": own, "shown": page.flag_names(), "typos": typos, "examples": page.examples}
print(json.dumps(found))
"""


def help_of(command, *words, columns=None, **options):
    result = run(command, *words, "--help", env={"COLUMNS": str(columns)} if columns else {}, **options)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def examples_of(page):
    shown = page.partition("examples:\n")[2].partition("\n\n")[0].replace("\\\n", "")
    return [shlex.split(line) for line in shown.splitlines()]


def entries_of(page):
    """Returns the lines of each flag, by its name."""
    found = {}
    for line in page.partition("examples:\n")[2].partition("\n\n")[2].rpartition("\n\n")[0].splitlines():
        if line.startswith("  --"):
            name = line.strip(" -").split("=")[0].split("/")[0]
            found[name] = [line]
        elif line.startswith("   "):
            found[name].append(line)
    return found


@pytest.fixture(scope="module")
def found():
    result = run_program(f"NAMES = {COMMANDS!r}\n{PAGES}")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_asked_for_in_many_ways(command, tmp_path):
    (tmp_path / "some.flags").write_text("--verify=full\n--undefok=verify\n")
    (tmp_path / "asks.flags").write_text("--help\n")
    page = help_of(command)
    for words in (
        ["-h"],
        ["-help"],
        ["-?"],
        ["--helpshort"],
        ["x", "--output=o", "--undefok=output", "--help"],
        ["--flagfile=some.flags", "--help"],
        ["--flagfile=asks.flags"],
        ["--no_such_flag", "--help", "--slice_step=none"],
    ):
        result = run(command, *words, cwd=tmp_path, env={})
        assert (result.returncode, result.stderr, result.stdout) == (0, "", page), words


@pytest.mark.parametrize("command", COMMANDS)
def test_each_own_flag_stands_in_one_group(command, found):
    assert sorted(found[command]["shown"]) == sorted(found[command]["own"])
    assert list(entries_of(help_of(command))) == found[command]["shown"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_takes_two_lines(command):
    entries = entries_of(help_of(command))
    assert {name: lines for name, lines in entries.items() if len(lines) > 2} == {}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", [60, 80, 132])
def test_help_is_as_wide_as_the_terminal(command, columns):
    lines = help_of(command, columns=columns).splitlines()
    longest = max(len(line) for line in lines if " " in line.strip())
    assert columns - 12 < longest <= columns
    assert all(line == line.rstrip() for line in lines)


def test_help_is_as_wide_as_80_columns_where_there_is_no_terminal():
    assert help_of("train") == help_of("train", columns=80)


def test_values_and_defaults_are_shown():
    page = " ".join(help_of("train").split())
    assert "--epochs=N passes over the training split [15]" in page
    assert "--cache=memory|disk|none " in page
    assert "--pairs/--nopairs put " in page
    assert "--folds=N cross-validate by patient with this many parts, into fold-1/, fold-2/, ... [0]" in page
    for command, values in (("make_records", "group|keras"), ("evaluate", "test|validation")):
        assert f"--split={values} " in help_of(command)


def test_closing_line_names_the_flags_of_absl():
    closing = help_of("predict").rpartition("\n\n")[2]
    assert all(f"--{name}" in closing for name in ("flagfile", "undefok", "only_check_args", "debug", "helpfull"))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_examples_can_be_pasted(command, tmp_path):
    """They are taken by the command as they are shown; at most the files that they name are missing here."""
    examples = examples_of(help_of(command))
    assert len(examples) == 3
    for program, *words in examples:
        assert program == f"contrast-{command.replace('_', '-')}"
        assert run(command, *words, "--only_check_args", cwd=tmp_path).returncode == 0
        assert run(command, *words, cwd=tmp_path).returncode in (0, 65)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_tensorflow(command):
    code = (
        f"import sys, runpy\nsys.argv = ['{command}', '--help']\n"
        "try:\n"
        f"    runpy.run_module('contrast_tfdata.{command}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    sys.exit(end.code or 3 * ('tensorflow' in sys.modules))"
    )
    # Without docstrings too: TensorFlow needs them, and help does not.
    assert subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, check=False).returncode == 0


def test_help_says_how_the_command_was_called():
    assert examples_of(fresh("predict", "--help").stdout)[0][:3] == ["python", "-m", "contrast_tfdata.predict"]


def test_absls_own_help_is_no_failure():
    result = run("evaluate", "--helpfull")
    assert (result.returncode, result.stderr) == (0, "")
    assert "--[no]alsologtostderr" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--outpt=x"], "Unknown command line flag 'outpt'; did you mean --output?"),
        (["--batch-size=3"], "did you mean --batch_size?"),
        (["--nooverwrit"], "did you mean --nooverwrite?"),
        (["--flag_file=x"], "did you mean --flagfile?"),
        (["--xyzzy"], "Unknown command line flag 'xyzzy'"),
        (["--batch_size=many"], "flag --batch_size=many: must be a positive integer"),
        (["--batch_size=1.5"], "must be a positive integer"),
        (["--batch_size=0"], "0 is not a positive integer"),
        (["--overwrite=perhaps"], "flag --overwrite=perhaps: must be true or false"),
        (["--nooverwrite=1"], "--nooverwrite=1 does not take an argument"),
        (["--ids=a\nb"], r"flag --ids=a\nb: value should be one of"),
        (["--ids=plain"], "value should be one of <hashed|clear>"),
        (["--output"], "Missing value for flag --output"),
        (["--output= "], "must be a path, and is empty"),
        (["--flagfile=nowhere"], "Unable to open flagfile: [Errno 2] No such file or directory: 'nowhere'"),
        (["--flagfile=typo"], "did you mean --slice_range?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_one_line_with_a_hint(tmp_path, words, said):
    (tmp_path / "typo").write_text("--slicerange=0,1\n")
    result = run("predict", "x.png", *words, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.endswith("; --help lists all flags\n")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--learning_rate=fast"], "must be a number"),
        (["train", "--criterion=best"], "criterion must be one of accuracy, youden"),
        (["make_records", "--split=test"], "value should be one of <group|keras>"),
        (["evaluate", "--split=keras"], "value should be one of <test|validation>"),
        (["export", "--form=onnx"], "did you mean --format?"),
    ],
    ids=" ".join,
)
def test_errors_of_other_commands_too(words, said):
    result = run(*words)
    assert result.returncode == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_misspelled_flags_are_recognized(command, found):
    """Whichever flag it is: with hyphens, as other programs write it, or without its third letter."""
    flags = found[command]["own"]
    for name in flags:
        for typo in (name.replace("_", "-"), name[:2] + name[3:]):
            assert typo in flags or found[command]["typos"][typo] == name, typo


def test_help_may_be_cut_off():
    words = ["bash", "-c", f"{sys.executable} -m contrast_tfdata.predict --help | head -n 1; exit ${{PIPESTATUS[0]}}"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
