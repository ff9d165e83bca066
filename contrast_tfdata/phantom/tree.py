"""Writes the phantom as a folder of PNGs, shaped like the data sets that people bring."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

from contrast_tfdata.images.slices import Slice
from contrast_tfdata.phantom.options import DEFAULT_OPTIONS, PhantomOptions
from contrast_tfdata.phantom.patient import render

CLASSES = ("no_gad", "with_gad")


@dataclasses.dataclass(frozen=True)
class _Job:
    """One patient's files: how many of each class, where to."""

    folder: Path
    seed: int
    patient: int
    counts: tuple[int, int]
    size: int
    options: PhantomOptions


def write_png_tree(
    root: Path,
    counts: Mapping[str, Mapping[str, int]],
    *,
    seed: int,
    size: int = 512,
    options: PhantomOptions = DEFAULT_OPTIONS,
    workers: int | None = None,
) -> None:
    """Writes root/<split>/<no_gad or with_gad>/p<patient>_s<slice>_<pre or post>.png, 8-bit grey.

    A patient is in one split only. The bytes depend on the arguments, not on the number of workers. Those are spawned
    processes, so a script calls this under `if __name__ == "__main__"`.

    Args:
        root: made if missing; files of the same names are replaced.
        counts: {split: {class: number of slices}}; the slices of a split are spread evenly over its patients, whose
            number is the least at which none needs more than options.slices_per_class of a class.
        seed: of the data set.
        size: side of the PNGs in pixels, resampled from options.matrix (bicubic).
        options: of the phantom.
        workers: processes; None for one per core.

    Raises:
        ValueError: a class other than no_gad and with_gad, a negative count, or size below 1.
    """
    jobs = list(_plan(Path(root), counts, seed, size, options))
    for split, classes in counts.items():
        for name in classes:
            (Path(root) / split / name).mkdir(parents=True, exist_ok=True)
    workers = min(workers or os.cpu_count() or 1, max(len(jobs), 1))
    if workers == 1:
        for job in jobs:
            _write_patient(job)
        return
    # Spawned, not forked: the caller may have TensorFlow's threads running.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        for _ in pool.map(_write_patient, jobs, chunksize=4):
            pass


def _plan(root: Path, counts: Mapping[str, Mapping[str, int]], seed: int, size: int, options) -> Iterator[_Job]:
    if size < 1:
        raise ValueError(f"size must be 1 pixel or more. Received: size={size}")
    first = 0
    for split, classes in counts.items():
        for name, count in classes.items():
            if name not in CLASSES or count < 0:
                raise ValueError(f"Classes are {CLASSES}, counts 0 or more. Received: {split}/{name}: {count}")
        totals = tuple(classes.get(name, 0) for name in CLASSES)
        patients = -(-max(totals) // options.slices_per_class)
        for number in range(patients):
            share = tuple((number + 1) * total // patients - number * total // patients for total in totals)
            yield _Job(root / split, seed, first + number, share, size, options)
        first += patients


def _write_patient(job: _Job) -> None:
    made = render(job.seed, job.patient, job.options, *job.counts)
    for name, contrast, slices in zip(CLASSES, ("pre", "post"), (made.pre, made.post), strict=True):
        for one in slices:
            _write(job.folder / name / f"p{job.patient:04d}_s{one.index:02d}_{contrast}.png", one, job.size)


def _write(path: Path, one: Slice, size: int) -> None:
    image = Image.fromarray(one.pixels)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    # Level 1 packs noise nearly as small as level 6, four times faster.
    image.save(path, "PNG", compress_level=1)
