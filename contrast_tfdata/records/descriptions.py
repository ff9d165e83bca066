"""What a folder of records tells other programs about itself: files that follow from its manifest alone."""

from pathlib import Path

from contrast_tfdata.records import croissant, tfds_files
from contrast_tfdata.records.manifest import Manifest


def texts(manifest: Manifest) -> dict[str, str]:
    """Returns the text of each file by its name, ASCII; the same manifest always gives the same texts."""
    about = _about(manifest)
    return {**tfds_files.texts(manifest, about), croissant.FILE_NAME: croissant.text(manifest, about)}


def write(directory: Path, manifest: Manifest) -> None:
    """Writes the files. Raises OSError where the disk does not take them."""
    for name, text in texts(manifest).items():
        (directory / name).write_text(text, encoding="utf-8")


def find_problems(directory: Path, manifest: Manifest) -> list[str]:
    """Returns which of the files are missing or tell something else than the manifest, one line each."""
    problems = []
    for name, text in texts(manifest).items():
        path = directory / name
        if not path.exists():
            problems.append(f"{name}: missing")
        elif path.read_bytes() != text.encode():
            problems.append(f"{name}: differs from what follows from the manifest")
    return problems


def _about(manifest: Manifest) -> str:
    size, (before, after) = manifest.image_size, manifest.class_names
    about = f"Sagittal T1 brain MRI slices, {size} x {size} 8-bit grey, before ({before}) and after ({after}) contrast."
    return f"{about} Known limits: {'; '.join(manifest.warnings)}." if manifest.warnings else about
