"""Every flagfile in flags/ is headed as promised and accepted by each command that it names."""

import re
from pathlib import Path

import pytest
from running import succeed

FLAGS = Path(__file__).parent.parent / "flags"
FLAGFILES = sorted(FLAGS.glob("*.flags"))


def commands_in(flagfile):
    return re.findall(r"python -m (contrast_tfdata\.\w+) --flagfile=(\S+)", flagfile.read_text())


def test_there_are_flagfiles():
    assert {path.name for path in FLAGFILES} >= {"demo.flags", "siim.flags", "own_data.flags", "gpu.flags"}


@pytest.mark.parametrize("flagfile", FLAGFILES, ids=lambda path: path.stem)
def test_headed_by_command_time_and_result(flagfile):
    header = flagfile.read_text().split("\n--")[0]
    assert all(f"# {word}:" in header for word in ("Command", "Time", "Result"))
    assert {path for _, path in commands_in(flagfile)} == {f"flags/{flagfile.name}"}
    # No includes: each file says all of what it says.
    assert "--flagfile" not in "".join(line for line in flagfile.read_text().splitlines() if line.startswith("--"))


@pytest.mark.parametrize(
    ("flagfile", "module"),
    [(path, module) for path in FLAGFILES for module, _ in commands_in(path)],
    ids=lambda value: getattr(value, "stem", value),
)
def test_accepted_by_each_command_that_it_names(flagfile, module):
    succeed(module.removeprefix("contrast_tfdata."), f"--flagfile={flagfile}", "--only_check_args")


@pytest.mark.parametrize("flagfile", FLAGFILES, ids=lambda path: path.stem)
def test_undefok_names_only_flags_that_the_file_sets(flagfile):
    lines = [line for line in flagfile.read_text().splitlines() if line.startswith("--")]
    undefok = {name for line in lines if line.startswith("--undefok=") for name in line.partition("=")[2].split(",")}
    assert undefok <= {line[2:].partition("=")[0] for line in lines}
