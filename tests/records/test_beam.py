"""The conversion as Beam pipelines, on the runner that Beam brings for one machine."""

import dataclasses
import errno
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from running import run

from contrast_tfdata import phantom
from contrast_tfdata.errors import ContrastError, DataError, InterruptedRunError, StorageError, UsageError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake import sources
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.records import beam_conversion, beam_workers, conversion
from contrast_tfdata.records.options import ConversionOptions

PREPROCESSING = Preprocessing(image_size=24, interpolation="nearest", intensity="stored", aspect="stretch")
PATIENT = "/([^_/]+)_[^/]*$"
TWO_PROCESSES = "--direct_num_workers=2,--direct_running_mode=multi_processing"


def options(**changes):
    return ConversionOptions(preprocessing=PREPROCESSING, num_shards=3, **changes)


def find(root):
    return sources.from_class_folders(root, split=None, group_regex=PATIENT, max_bytes=1 << 20)


def convert_here(found, directory, **changes):
    directory.mkdir()
    with Workers(1) as pool:
        return conversion.convert(found, directory, options(**changes), pool, lambda *_: None)


def convert_with_beam(found, directory, beam_options="", **changes):
    directory.mkdir()
    parsed = beam_workers.parse_options(beam_options)
    return beam_conversion.convert(found, directory, options(**changes), parsed, lambda *_: None)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def break_pixels(path):
    """Makes a PNG whose chunks are whole, but whose pixels are not: a scan takes it, decoding does not."""
    data = path.read_bytes()
    start = data.index(b"IDAT") - 4
    body = b"IDAT" + zlib.compress(path.name.encode())
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:start] + chunk + b"\0\0\0\0IEND\xaeB`\x82")


@pytest.fixture
def flawed_tree(png_tree):
    """Pictures of which one cannot be scanned, and one of each fourth patient cannot be decoded."""
    root = png_tree((24, 20))
    (root / "no_gad" / "p0_empty.png").write_bytes(b"")
    for number in range(0, 24, 4):
        break_pixels(root / "no_gad" / f"p0{number // 4:03d}_{number:05d}.png")
    return root


def test_same_bytes_as_the_conversion_here(flawed_tree, tmp_path):
    expected = convert_here(find(flawed_tree), tmp_path / "here", skip_bad_images=True)
    manifest = convert_with_beam(find(flawed_tree), tmp_path / "beam", skip_bad_images=True)
    assert manifest == expected
    assert contents(tmp_path / "beam") == contents(tmp_path / "here")
    assert expected.files["rejected"] == {"empty": 1, "truncated": 6}
    assert [len(info.shards) for info in expected.splits.values()] == [3, 3, 3]


def test_look_alikes_are_listed_as_by_the_conversion_here(tmp_path):
    """Six synthetic heads under two numbers each, divided by the split."""
    options = dataclasses.replace(phantom.PhantomOptions(), slices_per_class=1)
    for number in range(6):
        pixels = np.clip(phantom.generate_patient(7, number, options).pre[0].pixels, 0, 255).astype(np.uint8)
        for name, turned in ((f"p{number}", pixels), (f"q{number}", pixels[:, ::-1])):
            path = tmp_path / "pictures" / ("with_gad" if number % 2 else "no_gad") / f"{name}_1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(turned).save(path)
    expected = convert_here(find(tmp_path / "pictures"), tmp_path / "here")
    assert any(each.startswith("NEAR-DUPLICATES") for each in expected.warnings)
    assert len((tmp_path / "here" / "look_alikes.csv").read_text().splitlines()) > 1
    convert_with_beam(find(tmp_path / "pictures"), tmp_path / "beam")
    assert contents(tmp_path / "beam") == contents(tmp_path / "here")


def test_bad_images_are_listed_as_by_the_conversion_here(flawed_tree, tmp_path):
    with pytest.raises(DataError) as here:
        convert_here(find(flawed_tree), tmp_path / "here")
    with pytest.raises(DataError) as beam:
        convert_with_beam(find(flawed_tree), tmp_path / "beam")
    assert str(beam.value) == str(here.value)
    assert not any(path.name.startswith((".", "manifest")) for path in (tmp_path / "beam").iterdir())


def test_a_shard_and_a_split_of_which_nothing_is_left(png_tree, tmp_path):
    """Three records a shard at most: a table, in which every group is fixed, says where each goes."""
    root = png_tree((6, 6))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    splits = dict.fromkeys(names, "train") | {names[0]: "validation", names[1]: "test", names[6]: "test"}
    rows = [f"{name},{name.split('/')[0]},{name},{split}\n" for name, split in splits.items()]
    for name in names[:2]:
        break_pixels(root / name)
    (root / "table.csv").write_text("path,label,group,split\n" + "".join(rows))
    found = sources.from_table(root / "table.csv", group_regex=None, max_bytes=1 << 20)
    expected = convert_here(found, tmp_path / "here", skip_bad_images=True)
    convert_with_beam(found, tmp_path / "beam", skip_bad_images=True)
    assert contents(tmp_path / "beam") == contents(tmp_path / "here")
    assert "validation" not in expected.splits
    assert sorted(shard.records for shard in expected.splits["test"].shards) == [0, 1]


def double(number):
    return 2 * number


def refuse(number):
    if number == 3:
        raise UsageError("reading number 3 needs a package")
    return number


def fill_the_disk(number):
    raise OSError(errno.ENOSPC, "No space left on device", "/shared/x")


def interrupt(number):
    raise InterruptedRunError(
        "stopped"
    )  # As a signal's handler does in the process that a worker of one machine shares.


def stumble(number):
    raise ValueError(f"number {number}")


def test_results_come_in_order_through_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr(beam_workers, "_PART_ITEMS", 4)
    workers = beam_workers.BeamWorkers(tmp_path, beam_workers.parse_options(""))
    assert list(workers.map(double, iter(range(11)))) == [2 * number for number in range(11)]
    assert list(workers.map(double, [])) == []


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (refuse, UsageError, "reading number 3 needs a package"),
        (fill_the_disk, StorageError, "No space left on device: '/shared/x'; nothing"),
        (interrupt, InterruptedRunError, "^stopped$"),
        (stumble, ContrastError, "pipeline failed: ValueError: number 0; nothing"),
    ],
)
def test_an_error_of_a_worker_keeps_its_kind(tmp_path, function, kind, text):
    workers = beam_workers.BeamWorkers(tmp_path, beam_workers.parse_options(""))
    with pytest.raises(ContrastError, match=text) as caught:
        list(workers.map(function, range(1 if function is stumble else 5)))
    assert type(caught.value) is kind


def test_options_are_beams_own():
    parsed = beam_workers.parse_options("--runner=FlinkRunner,--flink_master=host:8081,--experiments=a,b")
    values = parsed.get_all_options()
    assert (values["runner"], values["flink_master"], values["experiments"]) == ("FlinkRunner", "host:8081", ["a", "b"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("runner=FlinkRunner", "must be --name=value,--name=value,.* Received: runner=FlinkRunner"),
        ("--direct_num_workers=two", "direct_num_workers: invalid int value: 'two'"),
        ("--direct_running_mode=fast", "direct_running_mode: invalid choice: 'fast'"),
        ("--runner=NoSuchRunner", "Unexpected pipeline runner: NoSuchRunner"),
    ],
)
def test_options_that_beam_does_not_take_are_refused(text, reason, capfd):
    with pytest.raises(UsageError, match=reason):
        beam_workers.parse_options(text)
    assert "usage:" not in capfd.readouterr().err


def run_command(*arguments, cwd, output="records", before="pass"):
    return run("make_records", *arguments, f"--output_dir={output}", cwd=cwd, program=f"import sys; {before}")


@pytest.mark.processes
@pytest.mark.slow
def test_the_command_on_two_processes_gives_the_same_bytes(flawed_tree, tmp_path):
    flags = [f"--train_dir={flawed_tree.name}", f"--group_regex={PATIENT}", "--image_size=24", "--num_shards=3"]
    flags.append("--on_bad_image=skip")
    here = run_command(*flags, "--num_workers=1", cwd=tmp_path, output="here")
    beam = run_command(*flags, "--runner=beam", f"--beam_options={TWO_PROCESSES}", cwd=tmp_path, output="beam")
    assert (here.returncode, beam.returncode) == (0, 0), beam.stderr
    assert "45 found, 38 used" in beam.stdout
    assert contents(tmp_path / "beam") == contents(tmp_path / "here")


@pytest.mark.slow
def test_the_command_lists_bad_images_and_writes_nothing(flawed_tree, tmp_path):
    flags = [f"--train_dir={flawed_tree.name}", f"--group_regex={PATIENT}", "--image_size=24"]
    result = run_command(*flags, "--runner=beam", cwd=tmp_path)
    assert result.returncode == 65
    assert result.stderr.startswith("error: 7 files cannot be used"), "nothing of Beam's stands in front"
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize(
    ("flags", "before", "reason"),
    [
        (["--runner=beam", "--beam_options=--runner=NoSuchRunner"], "pass", "Unexpected pipeline runner"),
        (["--runner=beam", "--num_workers=2"], "pass", "--num_workers goes with --runner=local"),
        (["--beam_options=--runner=FlinkRunner"], "pass", "--beam_options goes with --runner=beam"),
        (["--runner=beam"], "sys.modules['apache_beam'] = None", 'python -m pip install ".[beam]"'),
    ],
)
def test_the_command_refuses_what_does_not_fit(tmp_path, flags, before, reason):
    result = run_command("--phantom_patients=4", *flags, cwd=tmp_path, before=before)
    assert result.returncode == 1
    assert reason in result.stderr
    assert not (tmp_path / "records").exists()
