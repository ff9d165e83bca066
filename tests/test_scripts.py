"""Console scripts are the commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from png_files import write_png

from contrast_tfdata.console import scripts

PROJECT = (Path(__file__).parent.parent / "pyproject.toml").read_text()
NAMES = ("make_records", "train", "evaluate", "predict", "export")


def script(name, *arguments, **options):
    """Runs what the installed script runs."""
    code = f"import sys; sys.argv[0] = 'contrast-{name}'; from contrast_tfdata.console import scripts; scripts.{name}()"
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def test_each_command_has_one():
    found = re.findall(r'^contrast-([a-z-]+) = "contrast_tfdata\.console\.scripts:(\w+)"$', PROJECT, re.MULTILINE)
    assert [(name.replace("-", "_"), function) for name, function in found] == [(name, name) for name in NAMES]
    assert all(callable(getattr(scripts, name)) for name in NAMES)


@pytest.mark.parametrize(("name", "flag"), [("predict", "--output"), ("train", "--learning_rate")])
def test_help_lists_the_flags_of_the_command(name, flag):
    result = script(name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"  {flag}=" in result.stdout
    assert f"usage:\n  contrast-{name} " in result.stdout


@pytest.mark.slow
def test_records_are_made_with_worker_processes(tmp_path):
    for number in range(8):
        for label in ("no_gad", "with_gad"):
            write_png(tmp_path / "pictures" / label / f"p{number}_{label}.png", 10 * number + len(label))
    flags = [f"--train_dir={tmp_path}/pictures", f"--output_dir={tmp_path}/records", "--group_regex=/(p[0-9])_"]
    result = script("make_records", *flags, "--num_workers=2", "--image_size=24")
    assert result.returncode == 0, result.stderr
    assert "16 found, 16 used" in result.stdout
    assert (tmp_path / "records" / "manifest.json").exists()


def test_an_error_has_its_exit_code():
    result = script("predict", "nowhere.png", "--output=p.csv")
    assert result.returncode == 65
    assert result.stderr.startswith("error: ")
