"""Conversion of class folders to records, as the command `make_records` does it."""

import time
from pathlib import Path

from benchmarks.serving import serve

_MAX_BYTES = 64 << 20


def make_records(pictures: str, output: str, workers: int) -> dict:
    """Writes the records of a folder with the slides' split into `output`, which must not exist.

    Returns:
        `images`, and `seconds` from the listing to the verified manifest, the start of worker processes included.
    """
    # Here, as in the command: worker processes import this module too, and must not wait for TensorFlow.
    from contrast_tfdata.records import sources
    from contrast_tfdata.records.conversion import convert
    from contrast_tfdata.records.options import ConversionOptions, PlanOptions
    from contrast_tfdata.records.splits import KERAS_VALIDATION_FRACTION, SplitOptions
    from contrast_tfdata.records.workers import Workers

    Path(output).mkdir(parents=True)
    plan = PlanOptions(split=SplitOptions("keras", KERAS_VALIDATION_FRACTION, 0.0, 1020))
    started = time.perf_counter()
    found = sources.from_class_folders(Path(pictures), split=None, group_regex=None, max_bytes=_MAX_BYTES)
    with Workers(workers) as pool:
        manifest = convert(found, Path(output), ConversionOptions(plan=plan), pool, lambda *_: None)
    seconds = time.perf_counter() - started
    return {"images": sum(split.records for split in manifest.splits.values()), "seconds": seconds}


if __name__ == "__main__":
    serve(make_records)
