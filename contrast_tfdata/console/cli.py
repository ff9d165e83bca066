"""What all commands share: how they start, how they end, what a person sees on the way."""

import contextlib
import functools
import logging
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from absl import app, flags
from absl import logging as absl_logging
from rich.console import Console
from rich.text import Text

from contrast_tfdata.console import checked_packages, common_flags, streams, surroundings
from contrast_tfdata.console.help_page import HelpFlag, HelpPage
from contrast_tfdata.errors import ContrastError, InterruptedRunError, StorageError, UsageError, printable
from contrast_tfdata.patients import group_keys
from contrast_tfdata.storage.bounded_file import UnfitFileError, read_bytes
from contrast_tfdata.storage.staging import storage_error

if TYPE_CHECKING:
    from contrast_tfdata.model.runtime_plan import RuntimePlan


class _Terminal(Console):
    """Shows text as it is: brackets in a file's name are no tags, and what would act on a terminal is spelled out."""

    def __init__(self, *, stderr: bool = False):
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    @property
    def is_terminal(self) -> bool:
        """Whether somebody sees it; a notebook sets FORCE_COLOR, and progress bars would fill its pipes and files."""
        return self.file.isatty()

    def render_str(self, text: str, **options) -> Text:
        """Turns text, that of a table's cell too, into what is shown."""
        return super().render_str(printable(text, keep="\n\t"), **options)


_NOTE = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog\(\)")
"""How TensorFlow's notes begin: those of its level INFO, and the one that says where they go."""
_NOT_IN_PLAIN_WORDS = re.compile(
    r"flag --(\w+)=(.*): (?:invalid literal for int|could not convert string to float|\('Non-boolean argument).*",
    re.DOTALL,
)
"""What absl says of a value that is no number, or neither true nor false."""

_MAX_FLAGFILE_BYTES = 1 << 20
console = _Terminal()
errors = _Terminal(stderr=True)


def run(main: Callable[[Sequence[str]], None], page: HelpPage, *, needs_tensorflow: bool = True) -> None:
    """Parses the command line, runs `main`, and exits with the code of each kind of failure (see `errors`).

    Flags are refused before `main` runs, and so before it imports TensorFlow; so is a set of packages without it.

    Args:
        main: takes the words that are no flags.
        page: what --help prints.
        needs_tensorflow: refuse to run `main` without it.
    """
    surroundings.make_independent()
    streams.make_lasting()
    debug = common_flags.debug()
    try:
        refuse_bad_flagfiles(sys.argv[1:])
    except UsageError as error:
        sys.exit(_report(error, str(error), error.exit_code, debug=False))

    def checked_main(words: Sequence[str]) -> None:
        if needs_tensorflow:
            checked_packages.require_tensorflow()
        main(words)

    app.define_help_flags()
    flags.DEFINE_flag(HelpFlag("help", "?", page))
    flags.DEFINE_flag(HelpFlag("helpshort", "h", page))
    parse = functools.partial(_parse, page)
    app.run(lambda argv: sys.exit(_guarded(checked_main, argv, debug.value)), flags_parser=parse)


def _parse(page: HelpPage, argv: Sequence[str]) -> list[str]:
    """Gives flags their values and returns the other words; ends the command where help was asked for, or on errors."""
    try:
        return flags.FLAGS(argv)
    except SystemExit:  # Help was printed. absl's own, as of --helpfull, would end with 1.
        sys.exit(_exit_code_of_output(debug=False))
    except (flags.Error, ValueError) as error:
        text = f"{printable(_refusal(error, page))}; --help lists all flags"
        sys.exit(_report(error, text, UsageError.exit_code, debug=False))


def _refusal(error: Exception, page: HelpPage) -> str:
    """Returns what is wrong with the command line, in one line."""
    if isinstance(error, flags.UnrecognizedFlagError):
        near = page.nearest(error.flagname)
        return f"Unknown command line flag '{error.flagname}'" + (f"; did you mean --{near}?" if near else "")
    if found := _NOT_IN_PLAIN_WORDS.fullmatch(str(error)):
        name, value = found.groups()
        return f"flag --{name}={value}: must be {flags.FLAGS[name].parser.syntactic_help or 'true or false'}"
    return str(error).removeprefix("ERROR:: ")


def refuse_bad_flagfiles(arguments: Sequence[str], reading: Sequence[str] = ()) -> None:
    """Raises UsageError where a flagfile names itself, or one that leads back to it, or is no text of usual size.

    absl only prints a warning for the first, waits for a FIFO, and reads a device for ever.

    Args:
        arguments: words of a command line, or lines of a flagfile.
        reading: the flagfiles that lead to them, outermost first.
    """
    for name in filter(None, _flagfiles(arguments)):
        given = os.path.expanduser(name)
        path = os.path.realpath(given)
        if path in reading:
            raise UsageError(f"the flagfile {path} leads back to itself: {' -> '.join([*reading, path])}")
        try:
            lines = read_bytes(Path(given), _MAX_FLAGFILE_BYTES).decode("utf-8").splitlines()
        except UnfitFileError as error:
            raise UsageError(f"the flagfile {given} cannot be used: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"the flagfile {given} cannot be used: it is not in UTF-8") from error
        except (OSError, ValueError):
            continue  # absl says what is wrong with a file that cannot be read
        refuse_bad_flagfiles([line.strip() for line in lines], [*reading, path])


def _flagfiles(arguments: Sequence[str]) -> Iterator[str]:
    words = iter(arguments)
    for word in words:
        flag, _, value = word.partition("=")
        if word == "--":
            return
        if flag in ("--flagfile", "-flagfile"):
            yield value if "=" in word else next(words, "")


def refuse_arguments(argv: Sequence[str]) -> None:
    """Raises UsageError where words without a flag were given (`--name value` without `=` leaves one for booleans)."""
    if argv:
        raise UsageError(f"arguments without a flag: {' '.join(argv)}; write --name=value")


def required_path(holder: flags.FlagHolder) -> Path:
    """Returns a flag's value as a path; raises UsageError where it was not given."""
    if not holder.value:
        raise UsageError(f"--{holder.name} is needed; --help lists all flags")
    return Path(holder.value)


def count(holder: flags.FlagHolder) -> int | None:
    """Returns a flag's whole number of at least 1, or None for `auto`; raises UsageError for anything else."""
    text = holder.value
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--{holder.name} must be auto or a whole number of at least 1. Received: {text}")
    return int(text)


def group_secret(holder: flags.FlagHolder) -> bytes:
    """Returns the key of the hash that stands for patients: from the file that the flag names, else the user's own.

    Raises:
        UsageError: the file cannot be read or is empty, or the user's own key cannot be made.
    """
    if holder.value:
        return group_keys.read(Path(holder.value))
    try:
        return group_keys.own()
    except UsageError as error:
        raise UsageError(f"{error}; name a key file with --{holder.name}") from error


def flag_values(module: ModuleType) -> dict[str, object]:
    """Returns the value of each flag that a command takes, by name."""
    return {flag.name: flag.value for flag in _flags_of(module)}


def flags_text(module: ModuleType) -> str:
    """Returns the flags of a command as a flagfile that repeats it."""
    lines = (flag.serialize() for flag in _flags_of(module))
    return "".join(f"{line}\n" for line in lines if line)


def command_words(module: ModuleType) -> tuple[str, ...]:
    """Returns what stands after `python -m` to repeat a command: its module, then each flag that has no default value.

    Args:
        module: that of the command, whatever name it runs under.
    """
    given = (flag.serialize() for flag in _flags_of(module) if flag.value != flag.default)
    return f"contrast_tfdata.{Path(module.__file__).stem}", *filter(None, given)


def _flags_of(module: ModuleType) -> list[flags.Flag]:
    return sorted(flags.FLAGS.get_key_flags_for_module(module), key=lambda flag: flag.name)


@contextlib.contextmanager
def changed_flags(values: Mapping[str, object]) -> Iterator[None]:
    """Gives flags other values within the block, as if they had been given so; raises UsageError for one out of range.

    Args:
        values: by name.
    """
    before = {name: flags.FLAGS[name].value for name in values}
    try:
        for name, value in values.items():
            flags.FLAGS[name].parse(str(value))
        yield
    except flags.IllegalFlagValueError as error:
        raise UsageError(str(error)) from error
    finally:
        for name, value in before.items():
            flags.FLAGS[name].value = value


def start_tensorflow(
    precision: str, jit_compile: str, *, deterministic: bool = False, distributed: bool = False
) -> "RuntimePlan":
    """Sets the environment, imports TensorFlow, decides how networks run, and makes that the process's policy."""
    from contrast_tfdata.model import runtime_plan

    runtime_plan.configure_environment()
    quiet_tensorflow()
    plan = runtime_plan.plan(precision, jit_compile, deterministic=deterministic, distributed=distributed)
    runtime_plan.apply(plan)
    return plan


def _guarded(main: Callable[[Sequence[str]], None], argv: Sequence[str], debug: bool) -> int:
    signal.signal(signal.SIGTERM, _raise_interrupted)
    try:
        main(argv[1:])
    except ContrastError as error:
        return _report(error, str(error), error.exit_code, debug)
    except KeyboardInterrupt as error:
        return _report(
            error, "interrupted; what was complete before is unchanged", InterruptedRunError.exit_code, debug
        )
    except OSError as error:
        return _report(error, _describe_os_error(error), StorageError.exit_code, debug)
    except Exception as error:
        explained = _explain_tensorflow_error(error)
        if explained:
            return _report(error, str(explained), explained.exit_code, debug)
        text = f"internal error: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        advice = "run again with --debug for the traceback, and report it"
        return _report(error, f"{text}\n{advice}", ContrastError.exit_code, debug)
    return _exit_code_of_output(debug)


def _exit_code_of_output(debug: bool) -> int:
    """Returns the exit code of a command that is done: not 0 where what it showed could not be written."""
    if lost := streams.lost_output():
        text = f"the standard output could not be written ({lost.strerror}); all results are in their files"
        return _report(lost, text, StorageError.exit_code, debug)
    return 0


def _explain_tensorflow_error(error: Exception) -> ContrastError | None:
    if "tensorflow" not in sys.modules:
        return None
    from contrast_tfdata.model import failures

    return failures.explain(error)


def _describe_os_error(error: OSError) -> str:
    return str(storage_error(Path(error.filename), error)) if isinstance(error.filename, str) else str(error)


def _report(error: BaseException, text: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    errors.print(f"error: {text}", style="bold red" if errors.is_terminal else None)
    return code


def _raise_interrupted(signum, frame) -> None:
    raise InterruptedRunError("stopped by SIGTERM; what was complete before is unchanged")


def quiet_tensorflow() -> None:
    """Imports TensorFlow without its start-up notes, which mean nothing to a user of these commands.

    Warnings and errors among them are shown, and what the user set in the environment stays.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _without_notes():
        import tensorflow  # noqa: F401
    # It lowers the level of absl's log, to which it writes the duration of every checkpoint.
    absl_logging.set_verbosity(absl_logging.WARNING)


@contextlib.contextmanager
def _without_notes() -> Iterator[None]:
    """Holds back what libraries write to the standard error of the process, and lets pass what is no note.

    TensorFlow 2.19 and later write before their log has a level, so that no variable keeps them from it.
    """
    with tempfile.TemporaryFile() as held:
        try:
            kept = os.dup(2)
        except OSError:  # It is closed.
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _NOTE.match(line):
                    os.write(2, line)
