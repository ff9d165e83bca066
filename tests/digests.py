"""What the commands make of a fixed set of files, as digests: that a change of the code changed no bit of it.

    python tests/digests.py record BEFORE.json      with the code as it was
    python tests/digests.py compare BEFORE.json     with the code as it is, on the same machine

Trained weights depend on the processor, so that digests are of one machine and are not kept in the repository. Real
images take part where CONTRAST_REAL_DATA names them.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS / "images"), str(TESTS.parent)]

from image_files import dicom_bytes, nifti_bytes, ramp  # noqa: E402
from png_files import write_png  # noqa: E402
from running import run  # noqa: E402

CLASSES = ("no_gad", "with_gad")
UNCOUNTED = {"environment.json", "flags.txt", "group.key"}
"""What says when, where or how fast something ran."""
_SECONDS = re.compile(rb"\d+(\.\d+)? (s|seconds|minutes|min)\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")


def make_sources(root: Path) -> dict[str, list[str]]:
    """Writes the files that are converted; returns the flags of make_records by name of the records."""
    for label, name in enumerate(CLASSES):
        for number in range(24):
            write_png(root / "pictures" / name / f"p{label}{number // 4:02d}_{number}.png", 1000 * label + number, 200)
        for number in range(6):
            tags = {"PatientID": f"patient-{label}-{number // 2}", "SeriesInstanceUID": f"1.2.{label}.{number // 2}"}
            pixels = ramp(200, 200) + 3 * number + 40 * label
            path = root / "scans" / name / f"{number}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(dicom_bytes(pixels, ImagePositionPatient=[number, 0, 0], **tags))
            (path.parent / f"v{number}_T1.nii").write_bytes(nifti_bytes())
    with zipfile.ZipFile(root / "pictures.zip", "w") as archive:
        for path in sorted((root / "pictures").rglob("*.png")):
            archive.write(path, path.relative_to(root / "pictures"))
    rows = [f"{path.relative_to(root)},{path.parent.name},{path.name[:3]}" for path in sorted(root.rglob("*.png"))]
    (root / "table.csv").write_text("path,label,group\n" + "\n".join(rows) + "\n")
    named = r"--group_regex=/(p\d+)_"
    return {
        "phantom": ["--phantom_patients=12", "--phantom_slices=2", "--image_size=190"],
        "pictures": [f"--train_dir={root}/pictures", named, "--image_size=190"],
        "look-alikes": [f"--train_dir={root}/pictures", "--image_size=64"],
        "zip": [f"--train_dir={root}/pictures.zip", named, "--image_size=190"],
        "table": [f"--table={root}/table.csv", "--image_size=64"],
        "keras": [f"--train_dir={root}/pictures", "--split=keras", "--intensity=stored", "--interpolation=nearest"],
        "scans": [f"--train_dir={root}/scans", "--image_size=190", "--on_bad_image=skip"],
    } | _real()


def _real() -> dict[str, list[str]]:
    folder = os.environ.get("CONTRAST_REAL_DATA")
    if not folder:
        return {}
    return {
        "real pictures": [f"--train_dir={folder}/jpeg", "--group_regex=/([^_/]+)_[^/]*$"],
        "real volumes": [f"--train_dir={folder}/nifti", r"--group_regex=/([^/]+)\.nii", "--slice_step=4"],
    }


class Maker:
    """Runs the commands in a folder and keeps the digests of what they write and say."""

    def __init__(self, root: Path):
        self.root, self.digests = root, {}

    def run(self, command: str, *flags: str) -> None:
        """Runs a command; whatever it says and its exit code count."""
        done = run(command, *flags, cwd=self.root)
        said = f"{done.returncode}\n{done.stdout}\n{done.stderr}".encode()
        self._add(f"{len(self.digests):03d} {command} {' '.join(flags)}", said)

    def add(self, place: str) -> None:
        """Takes the files of a folder, or one file."""
        path = self.root / place
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file() and each.name not in UNCOUNTED and "logs" not in each.parts:
                self._add(str(each.relative_to(self.root)), each.read_bytes())

    def _add(self, name: str, data: bytes) -> None:
        text = data.replace(str(self.root).encode(), b"ROOT").replace(str(TESTS.parent).encode(), b"PACKAGE")
        if not name.endswith((".npz", ".onnx", ".tflite", ".pb")):
            text = _SECONDS.sub(b"TIME", text)
        self.digests[name.replace(str(self.root), "ROOT")] = hashlib.sha256(text).hexdigest()[:16]


def make_digests(root: Path) -> dict[str, str]:
    """Converts, trains, evaluates, predicts and exports below a folder; returns digests by name."""
    maker, secret = Maker(root), root / "secret.key"
    secret.write_bytes(bytes(range(32)))
    key = f"--group_key_file={secret}"
    for name, flags in make_sources(root / "sources").items():
        maker.run("make_records", *flags, f"--output_dir=records/{name}", key)
        maker.add(f"records/{name}")
    training = ["--deterministic", "--batch_size=8", "--epochs=2", "--precision=float32"]
    maker.run("train", "--records_dir=records/phantom", "--workdir=run", *training)
    mixed = ["--phantom_records_dir=records/phantom", "--phantom_fraction=0.5", "--augment=rotation=5,zoom=0.1"]
    more = ["--views=plain,mirrored", "--class_weights=balanced_patients", "--max_error=0.1", "--optimizer=adamw"]
    maker.run("train", "--records_dir=records/pictures", "--workdir=mixed", *training, *mixed, *more, "--ema=0.9")
    maker.run("train", "--records_dir=records/phantom", "--workdir=folds", *training, "--folds=2")
    maker.run("evaluate", "--records_dir=records/phantom", "--workdir=run", "--robustness")
    maker.run("evaluate", "--records_dir=records/phantom", "--workdir=run,mixed", "--output_dir=both")
    sources = ["sources/pictures", "sources/scans"] + [flags[0].partition("=")[2] for flags in _real().values()]
    maker.run("predict", *sources, "--output=shipped.csv", key)
    maker.run("predict", *sources[:2], "--workdir=run", "--output=own.jsonl", key)
    for kind in ("onnx", "tflite", "savedmodel"):
        maker.run(
            "export", "--workdir=run", f"--format={kind}", f"--output=exported.{kind}", "--records_dir=records/phantom"
        )
    for place in ("run", "mixed", "folds", "both", "shipped.csv", "shipped.series.csv", "own.jsonl"):
        maker.add(place)
    for place in ("exported.onnx", "exported.tflite"):
        maker.add(place)
    return maker.digests


def main(arguments: list[str]) -> int:
    """Records or compares; returns 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = make_digests(Path(folder))
    if options.mode == "record":
        options.file.write_text(json.dumps(found, indent=1) + "\n")
        print(f"{len(found)} digests: {options.file}")
        return 0
    before = json.loads(options.file.read_text())
    different = [name for name in before | found if before.get(name) != found.get(name)]
    for name in different:
        print(
            f"differs: {name}"
            if name in before and name in found
            else f"only {'before' if name in before else 'now'}: {name}"
        )
    print(f"{len(before)} digests before, {len(found)} now, {len(different)} differ")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
