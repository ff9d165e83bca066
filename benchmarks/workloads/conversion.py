"""Conversion of class folders to records, as the command `make_records` does it."""

import resource
import time
from pathlib import Path

from benchmarks.serving import serve

_MAX_BYTES = 64 << 20
_WARM_SHARE = 0.1
"""Share of the pictures after which workers count as running: all have started and read their first ones."""


def make_records(pictures: str, output: str, workers: int) -> dict:
    """Writes the records of a folder with the slides' split into `output`, which must not exist.

    Returns:
        `images`, and `seconds` from the listing to the verified manifest, the start of worker processes included;
        `steady`, images a second between a tenth and the last of them; `cpu_seconds` of this process and its workers.
    """
    # Here, as in the command: worker processes import this module too, and must not wait for TensorFlow.
    from contrast_tfdata.intake import sources
    from contrast_tfdata.intake.workers import Workers
    from contrast_tfdata.patients.options import PlanOptions
    from contrast_tfdata.patients.splits import KERAS_VALIDATION_FRACTION, SplitOptions
    from contrast_tfdata.records.conversion import convert
    from contrast_tfdata.records.options import ConversionOptions

    Path(output).mkdir(parents=True)
    plan = PlanOptions(split=SplitOptions("keras", KERAS_VALIDATION_FRACTION, 0.0, 1020))
    reached: dict[int, float] = {}

    def note_time(stage: str, done: int, total: int) -> None:
        if stage == "convert":
            reached[done] = time.perf_counter()

    started, cpu_started = time.perf_counter(), _cpu_seconds()
    found = sources.from_class_folders(Path(pictures), split=None, group_regex=None, max_bytes=_MAX_BYTES)
    with Workers(workers) as pool:
        manifest = convert(found, Path(output), ConversionOptions(plan=plan), pool, note_time)
    seconds = time.perf_counter() - started
    images = sum(split.records for split in manifest.splits.values())
    first, last = round(_WARM_SHARE * max(reached)) or 1, max(reached)
    return {
        "images": images,
        "seconds": seconds,
        "steady": (last - first) / (reached[last] - reached[first]),
        "cpu_seconds": _cpu_seconds() - cpu_started,
    }


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    serve(make_records)
