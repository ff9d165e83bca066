"""Work on the workers of an Apache Beam runner; items and results go through files in a folder that all of them see."""

import contextlib
import io
import itertools
import logging
import os
import pickle
import re
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path

from contrast_tfdata.errors import ContrastError, InterruptedRunError, StorageError, UsageError, how_to_install
from contrast_tfdata.intake.workers import Item, Result

logging.disable(logging.WARNING)  # Said at import: which of Google's client libraries are not installed.
try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import PipelineState
except ModuleNotFoundError as error:
    raise UsageError(f"--runner=beam needs Apache Beam; {how_to_install('beam')}") from error
finally:
    logging.disable(logging.NOTSET)
logging.getLogger("apache_beam").setLevel(logging.WARNING)
logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)  # A traceback of what is raised anyway.

_DEFAULTS = (
    # DirectRunner is this one too, but only after it has tried to download another one from the internet.
    "--runner=FnApiRunner",
    "--default_sdk_harness_log_level=WARNING",
)
_PART_ITEMS = 10_000
"""Items, or results, in one file."""

Build = Callable[[beam.PCollection], dict[str, beam.PCollection]]
"""Makes of (position, item) pairs the results: by name, (position, result) pairs whose positions differ."""


def parse_options(text: str) -> PipelineOptions:
    """Parses Beam's pipeline options: `--name=value`, with commas between them; a comma inside a value stays there.

    Raises:
        UsageError: a word is no option, a value is of the wrong type, or Beam has no such runner.
    """
    words = re.split(",(?=--)", text) if text else []
    if wrong := [word for word in words if not re.match(r"--\w", word)]:
        raise UsageError(f"--beam_options must be --name=value,--name=value,... Received: {' '.join(wrong)}")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions([*_DEFAULTS, *words])
            options.get_all_options()  # Parses them; without it each is parsed when it is first used.
            beam.Pipeline(options=options)  # Looks the runner up.
    except SystemExit as error:  # Beam's parser prints every option that it has, and the reason on the last line.
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(f"--beam_options: {reason}") from error
    except ValueError as error:
        raise UsageError(f"--beam_options: {error}") from error
    return options


class BeamWorkers:
    """Stands in for `workers.Workers`: a runner's workers instead of processes.

    Args:
        folder: a folder that this process and all workers see under the same path.
        options: name the runner, and what it needs.
    """

    def __init__(self, folder: Path, options: PipelineOptions):
        self.folder = folder
        self._options = options

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yields `function(item)` in the order of `items`, once all of them are done.

        Raises:
            UsageError: `function` raised it.
            ContrastError: as `run` does.
        """
        results = self.run(items, lambda pairs: {"results": pairs | "Apply" >> beam.Map(_apply, function)})
        for result in results["results"]:
            if isinstance(result, UsageError):
                raise result
            yield result

    def run(self, items: Iterable[Item], build: Build) -> dict[str, Iterator]:
        """Runs a pipeline over items; returns the results of each name in the order of their positions.

        Raises:
            StorageError: a worker could not read or write.
            ContrastError: the pipeline failed for another reason.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        parts = _write_parts(folder, items)
        pipeline = beam.Pipeline(options=self._options)
        pairs = pipeline | "Parts" >> beam.Create(parts) | "Read" >> beam.FlatMap(_read_part) | beam.Reshuffle()
        results = build(pairs)
        for name, positioned in results.items():
            grouped = positioned | f"Number {name}" >> beam.Map(_number_part) | f"Group {name}" >> beam.GroupByKey()
            grouped | f"Return {name}" >> beam.Map(_write_results, folder / name)
        _finish(pipeline)
        return {name: _read_results(folder, name) for name in results}


def _finish(pipeline: beam.Pipeline) -> None:
    job = None
    try:
        job = pipeline.run()
        state = job.wait_until_finish()
    except (InterruptedRunError, KeyboardInterrupt) as error:
        with contextlib.suppress(Exception):
            job.cancel()  # Else a cluster would go on writing into a folder that is about to be removed.
        raise type(error)(_reason(error)) from error
    except Exception as error:
        raise _explain(error) from error
    if state != PipelineState.DONE:
        raise ContrastError(f"the Beam pipeline ended as {state}; its runner's log says why")


def _explain(error: Exception) -> ContrastError:
    """Returns the error that a person is to see; of the kind of what a worker raised, only the text may be left."""
    reason = _reason(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {_reason(error)}"
    kind = StorageError if "[Errno" in reason else ContrastError
    return kind(f"the Beam pipeline failed: {reason}; nothing was changed (--debug shows more)")


def _reason(error: BaseException) -> str:
    """Returns the last line of what Beam makes of a worker's error: a traceback, or only that line, and the step."""
    return str(error).strip().rpartition("\n")[2].removeprefix("RuntimeError: ").partition(" [while running")[0]


def _apply(pair: tuple[int, Item], function: Callable[[Item], Result]) -> tuple[int, Result | UsageError]:
    """Returns the result with its position; so too that a package is missing, where a runner would only try again."""
    position, item = pair
    try:
        return position, function(item)
    except UsageError as error:
        return position, error


def _write_parts(folder: Path, items: Iterable[Item]) -> list[tuple[int, str]]:
    """Writes items in files of thousands, so that a pipeline's description stays small; returns numbers and paths."""
    items, parts = iter(items), []
    while part := list(itertools.islice(items, _PART_ITEMS)):
        path = folder / f"items-{len(parts):08d}"
        path.write_bytes(pickle.dumps(part))
        parts.append((len(parts), str(path)))
    return parts


def _read_part(part: tuple[int, str]) -> Iterator[tuple[int, Item]]:
    number, path = part
    yield from enumerate(pickle.loads(Path(path).read_bytes()), start=number * _PART_ITEMS)


def _number_part(pair: tuple[int, Result]) -> tuple[int, tuple[int, Result]]:
    return pair[0] // _PART_ITEMS, pair


def _write_results(part: tuple[int, Iterable[tuple[int, Result]]], path: Path) -> None:
    number, pairs = part
    data = pickle.dumps([result for _, result in sorted(pairs, key=itemgetter(0))])
    with complete_file(path.with_name(f"{path.name}-{number:08d}"), path.parent) as partial:
        partial.write_bytes(data)


def _read_results(folder: Path, name: str) -> Iterator[Result]:
    for path in sorted(folder.glob(f"{name}-????????")):
        yield from pickle.loads(path.read_bytes())


@contextlib.contextmanager
def complete_file(path: Path, folder: Path) -> Iterator[Path]:
    """Gives a name in `folder` that becomes `path`: a runner may do the same work twice, even at the same time."""
    partial = folder / f"{path.name}.{uuid.uuid4().hex}"
    yield partial
    os.replace(partial, path)
