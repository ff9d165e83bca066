"""What the commands say and return when something is wrong."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from image_files import dicom_bytes, encode, nifti_bytes, ramp
from png_files import write_png
from running import fresh, run, start, succeed

from contrast_tfdata.console import cli
from contrast_tfdata.errors import UsageError

COMMANDS = ("make_records", "train", "evaluate", "predict")


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_flag_is_refused_before_tensorflow_is_imported(command):
    code = (
        f"import sys, runpy\nsys.argv = ['{command}', '--no_such_flag=1']\n"
        "try:\n"
        f"    runpy.run_module('contrast_tfdata.{command}', run_name='__main__')\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Unknown command line flag 'no_such_flag'" in result.stderr
    assert "AssertionError" not in result.stderr


@pytest.mark.parametrize("written", ["=", " "])
def test_circular_flagfile_is_refused_before_tensorflow_is_imported(tmp_path, written):
    (tmp_path / "a.flags").write_text("# a comment\n--seed=1\n--flagfile=b.flags\n")
    (tmp_path / "b.flags").write_text("--flagfile=./a.flags\n")
    arguments = f"--flagfile{written}a.flags".split()
    code = (
        f"import sys, runpy\nsys.argv = ['make_records', *{arguments}, '--output_dir=R', '--phantom_patients=4']\n"
        "try:\n"
        "    runpy.run_module('contrast_tfdata.make_records', run_name='__main__')\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert "a.flags leads back to itself: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "R").exists()


def test_flagfile_may_be_named_twice(tmp_path):
    (tmp_path / "shared").write_text("--seed=1\n")
    for name in "ab":
        (tmp_path / name).write_text(f"--flagfile={tmp_path}/shared\n--flagfile=\n--flagfile=nowhere\n")
    cli.refuse_bad_flagfiles([f"--flagfile={tmp_path}/a", "-flagfile", f"{tmp_path}/b", f"--flagfile={tmp_path}/a"])
    (tmp_path / "shared").write_text(f"--flagfile={tmp_path}/a\n")
    with pytest.raises(UsageError, match="leads back to itself"):
        cli.refuse_bad_flagfiles([f"--flagfile={tmp_path}/a"])
    cli.refuse_bad_flagfiles(["--", f"--flagfile={tmp_path}/a"])


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["a FIFO", "a device", "a folder", "larger than the", "not in UTF-8"])
def test_what_is_no_flagfile_is_refused_at_once(tmp_path, kind, nested):
    path = tmp_path / "bad.flags"
    make = {
        "a FIFO": os.mkfifo,
        "a device": lambda path: path.symlink_to("/dev/zero"),
        "a folder": os.mkdir,
        "larger than the": lambda path: path.write_bytes(b"# a comment\n" * 100_000),
        "not in UTF-8": lambda path: path.write_bytes(b"# M\xfcller\n"),
    }
    make[kind](path)
    (tmp_path / "outer.flags").write_text("--seed=1\n--flagfile=bad.flags\n")
    named = "outer.flags" if nested else "bad.flags"
    done = fresh("make_records", f"--flagfile={named}", "--output_dir=R", cwd=tmp_path, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the flagfile bad.flags cannot be used: ")
    assert kind in done.stderr


def test_an_expression_that_never_ends_is_refused(png_tree, tmp_path):
    write_png(tmp_path / "pictures" / "no_gad" / ("a" * 60 + "!.png"), 99)
    flags = [f"--train_dir={png_tree((2, 2))}", "--group_regex=(a+)+$", f"--output_dir={tmp_path}/records"]
    done = run("make_records", *flags)
    assert done.returncode == 1
    assert "--group_regex takes more than 3 seconds on 5 paths" in done.stderr
    assert not (tmp_path / "records").exists()


def test_names_cannot_act_on_the_terminal(tmp_path):
    """A class folder in which every bad name tries another trick; each is listed, on one line of its own."""
    tricks = [
        "a\x1b[2J\x1b]0;evil\x07.png",
        "b\nerror: forged.png",
        "c\u202egnp.dcm",
        "d\r.png",
        "e\x9b2J.png",
        "f[bold].png",
    ]
    for name in ("no_gad", "with_gad"):
        write_png(tmp_path / "x" / name / "good.png", len(name))
    for name in [*tricks, *(f"g{number}.png" for number in range(60))]:
        (tmp_path / "x" / "no_gad" / name).write_bytes(b"no image")
    result = run("make_records", f"--train_dir={tmp_path}/x", f"--output_dir={tmp_path}/records", "--num_workers=1")
    assert result.returncode == 65
    listed = [line for line in result.stderr.splitlines() if line.startswith("  no_gad/")]
    assert len(listed) == 66
    assert not set("\x1b\x07\x9b\u202e\r") & set(result.stderr)
    for shown in (
        r"a\x1b[2J\x1b]0;evil\x07.png",
        r"b\nerror: forged.png",
        r"c\u202egnp.dcm",
        r"e\x9b2J.png",
        "f[bold].png",
    ):
        assert sum(f"no_gad/{shown}: corrupt" in line for line in listed) == 1


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("make_records", ["--output_dir=R"], "give one of --train_dir, --test_dir, --table, --phantom_patients"),
        ("make_records", ["--phantom_patients=1"], "--output_dir is needed"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--train_dir=D"], "Received: --train_dir"),
        ("make_records", ["--output_dir=R", "--test_dir=D", "--table=T"], "Received: --test_dir, --table"),
        ("make_records", ["--output_dir=R", "--test_dir=D", "--phantom_patients=1"], "Received: --test_dir, --phantom"),
        ("make_records", ["--output_dir=R", "--test_dir=D", "--test_fraction=0.5"], "without --test_dir"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--test_fraction=1.1"], "Received: 1.1"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--validation_fraction=1"], "Received: 1.0"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--split=test"], "should be one of <group|keras>"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--num_workers=none"], "Received: none"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--slice_range=0.5"], "slice_range"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--image_size=9999"], "image_size=9999"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--split=keras"], "goes with --train_dir"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--phantom_rates=fat=1"], "Received: fat=1"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--phantom_rates=jpeg=2"], "jpeg_rate=2.0"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "--group_key_file=none"], "none cannot be read"),
        ("make_records", ["--output_dir=R", "--phantom_patients=1", "--seed=4294967296"], "4294967295"),
        ("make_records", ["--output_dir=R", "--train_dir=D", "stray"], "arguments without a flag: stray"),
        ("train", ["--workdir=W"], "--records_dir is needed"),
        ("train", ["--records_dir=R"], "--workdir is needed"),
        ("train", ["--records_dir=R", "--workdir=W", "--augment=twist"], "unknown transform 'twist'"),
        ("train", ["--records_dir=R", "--workdir=W", "--ema=2"], "ema=2"),
        ("train", ["--records_dir=R", "--workdir=W", "--views=plain,turned"], "must be some of plain, mirrored"),
        ("train", ["--records_dir=R", "--workdir=shipped"], "for a folder write ./shipped"),
        ("train", ["--records_dir=R", "--workdir=W", "--precision=float8"], "float8"),
        ("train", ["--records_dir=R", "--workdir=W", "--criterion=specificity=90"], "specificity=S with S above 0"),
        ("train", ["--records_dir=R", "--workdir=W", "--max_error=5"], "5.0 is not a number in the range [0.0, 1.0]"),
        ("train", ["--records_dir=R", "--workdir=W", "--epochs=2", "--warmup_epochs=2"], "less than epochs"),
        (
            "train",
            ["--records_dir=R", "--workdir=W", "--initial_bias=class_balance", "--init_weights=X"],
            "leave one out",
        ),
        ("evaluate", ["--records_dir=R", "--workdir=W", "--split=keras"], "should be one of <test|validation>"),
        ("predict", ["--workdir=W"], "name at least one file or folder"),
        ("evaluate", ["--records_dir=R", "--workdir=shipped"], "--output_dir is needed with --workdir=shipped"),
        ("predict", ["--workdir=W", "--weights=X.h5", "a.png"], "give either --workdir"),
        ("predict", ["--weights=shipped", "a.png"], "--weights takes an .h5 file"),
        ("predict", ["--weights=.", "a.png"], "--weights takes an .h5 file"),
        ("predict", ["--workdir=W", "--interpolation=area", "a.png"], "--interpolation goes with --weights"),
        ("predict", ["--interpolation=area", "a.png"], "--interpolation goes with --weights"),
        ("predict", ["--workdir=W", "--output=P.xlsx", "a.png"], "must end in .csv or .jsonl"),
    ],
)
def test_bad_flags_are_usage_errors(command, arguments, words, tmp_path):
    result = run(command, *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("make_records", ["--output_dir=R", "--train_dir=nowhere"], "nowhere"),
        ("make_records", ["--output_dir=R", "--table=nowhere.csv"], "nowhere.csv"),
        ("make_records", ["--output_dir=R", "--verify_only"], "no manifest"),
        ("train", ["--records_dir=nowhere", "--workdir=W"], "nowhere"),
        ("evaluate", ["--records_dir=nowhere", "--workdir=W"], "W/model"),
        ("predict", ["--weights=nowhere.h5", "a.png"], "nowhere.h5"),
        ("predict", ["--workdir=W", "."], "W/model"),
        ("predict", ["--workdir=./shipped", "."], "shipped/model"),
        ("predict", ["nowhere.png"], "nowhere.png"),
    ],
)
def test_missing_input_is_a_data_error(command, arguments, words, tmp_path):
    result = run(command, *arguments, cwd=tmp_path)
    assert result.returncode == 65
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workdir", ["A,B", "B", "shipped", "all"])
@pytest.mark.parametrize("output", ["A/model/model.json", "A/checkpoints/step-000000004/progress.json", "A/folds.json"])
def test_evaluate_never_overwrites_another_run(tmp_path, workdir, output):
    """Refused before anything is read: neither the networks nor the records need to be there."""
    (tmp_path / output).parent.mkdir(parents=True)
    (tmp_path / output).write_text("{}")
    result = run("evaluate", "--records_dir=R", f"--workdir={workdir}", "--output_dir=B/../A/", cwd=tmp_path)
    assert result.returncode == 1
    assert "--output_dir=B/../A is the folder of a run, whose results would be lost; name another" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["A"]


@pytest.mark.parametrize("output", ["A/evaluation-test", "C"])
def test_evaluate_writes_below_a_run_and_where_an_evaluation_stands(tmp_path, output):
    """Such folders pass: what is missed next are the networks."""
    for name in ("A/model/model.json", f"{output}/environment.json", f"{output}/report.html", f"{output}/mine.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('{"packages": {"contrast_tfdata": "0.1.0"}}')
    result = run("evaluate", "--records_dir=R", "--workdir=B", f"--output_dir={output}", cwd=tmp_path)
    assert result.returncode == 65
    assert "B/model" in result.stderr


def test_evaluate_replaces_nothing_of_others(tmp_path):
    for name in ("report.html", "figures/mine.png"):
        (tmp_path / "C" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "C" / name).write_text("precious")
    result = run("evaluate", "--records_dir=R", "--workdir=B", "--output_dir=C", cwd=tmp_path)
    assert result.returncode == 1
    assert "C holds figures, report.html, and nothing there shows that this program wrote them" in result.stderr
    assert (tmp_path / "C" / "report.html").read_text() == "precious"


def test_debug_shows_a_traceback(tmp_path):
    result = run("make_records", "--output_dir=R", "--train_dir=nowhere", "--debug", cwd=tmp_path)
    assert result.returncode == 65
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    ("names", "given", "words"),
    [
        (("x/no_gad", "x/with_gad/a.png"), "x", ["no image in x/no_gad"]),
        (("x/no_gad/a.png", "x/with_gad/a.png", "x/perhaps/.DS_Store"), "x", ["unknown class folders: perhaps;"]),
        (("Train/no_gad/a.png", "TRAIN/with_gad/a.png"), "train", ["TRAIN", "Train"]),
    ],
    ids=["02", "03", "04"],
)
def test_trees_that_do_not_say_what_is_what(tmp_path, names, given, words):
    """Refused before any picture is read, and before TensorFlow is imported."""
    for name in names:
        if "." in name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"unread")
        else:
            (tmp_path / name).mkdir(parents=True)
    result = run("make_records", f"--train_dir={given}", "--output_dir=R", cwd=tmp_path)
    assert result.returncode == 65
    assert all(word in result.stderr for word in words)
    assert not (tmp_path / "R").exists()


def test_bad_images_fail_and_leave_nothing(png_tree, tmp_path):
    root = png_tree((6, 6))
    expected = {
        "a.png": ("corrupt", b"no image"),
        "b.dcm": ("corrupt", b"no image"),
        "cut.png": ("truncated", encode(ramp(), "PNG")[:-20]),
        "empty.png": ("empty", b""),
        "nan.nii": ("not_finite", nifti_bytes(np.full((20, 24, 18), np.nan, np.float32))),
    }
    company = {
        "burnt.dcm": dicom_bytes(BurnedInAnnotation="YES"),
        "dot.png": encode(ramp(1, 1), "PNG"),
        "picture.gif": encode(ramp(), "GIF"),
        "README": b"no image",
    }
    for name, content in {**company, **{name: content for name, (_, content) in expected.items()}}.items():
        (root / "no_gad" / name).write_bytes(content)
    result = run("make_records", f"--train_dir={root}", f"--output_dir={tmp_path}/records", "--num_workers=1")
    assert result.returncode == 65
    listed = {line.split(": ")[0].strip(): line.split(": ")[1] for line in result.stderr.splitlines()[1:]}
    assert listed == {f"no_gad/{name}": code for name, (code, _) in expected.items()}
    assert {path.name for path in tmp_path.iterdir()} == {"pictures"}


def test_existing_records_are_kept(png_tree, tmp_path):
    root = png_tree((6, 6))
    flags = [f"--train_dir={root}", f"--output_dir={tmp_path}/records", "--image_size=24", "--num_workers=1"]
    succeed("make_records", *flags)
    before = (tmp_path / "records" / "manifest.json").read_bytes()
    result = run("make_records", *flags, "--seed=5")
    assert result.returncode == 1
    assert "--overwrite" in result.stderr
    assert (tmp_path / "records" / "manifest.json").read_bytes() == before
    succeed("make_records", *flags, "--seed=5", "--overwrite")
    assert (tmp_path / "records" / "manifest.json").read_bytes() != before
    assert "verified: 12 records" in succeed("make_records", f"--output_dir={tmp_path}/records", "--verify_only")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_stopped_conversion_leaves_nothing(tmp_path, sent):
    words = ["--phantom_patients=300", f"--output_dir={tmp_path}/records", "--num_workers=1"]
    with start("make_records", *words) as process:
        deadline = time.monotonic() + 600  # far more than it takes on a machine that has other work, too
        while not list(tmp_path.glob(".records.incomplete-*/contrast-*")):
            assert process.poll() is None, process.said("stderr")
            assert time.monotonic() < deadline, "the conversion did not start"
            time.sleep(0.05)
        process.send_signal(sent)
        assert process.wait() == 75
        assert "unchanged" in process.said("stderr")
    assert list(tmp_path.iterdir()) == []
