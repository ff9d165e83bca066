"""Types of flags that absl lacks: numbers that are numbers, and paths."""

import os

from absl import flags

flags.disclaim_key_flags()  # A flag then counts as that of the module which defines it here.

_LARGEST = 3.4028234663852886e38
"""Largest number in float32, in which networks and optimizers count: what is above it is infinite there."""


class _FiniteFloatParser(flags.FloatParser):
    """Refuses nan, which no bound does, and inf."""

    def convert(self, argument: float | int | str) -> float:
        value = super().convert(argument)
        if not abs(value) <= _LARGEST:
            raise ValueError(f"must be a finite number. Received: {argument}")
        return value


class _PathParser(flags.ArgumentParser):
    """Takes a path; one that begins with `~` as shells do, which leave `--name=~/x` as it is."""

    syntactic_help = "a path"

    def flag_type(self) -> str:
        return "path"

    def __init__(self, *, utf8: bool = True):
        self._utf8 = utf8

    def parse(self, argument: str) -> str:
        if not argument.strip():
            raise ValueError("must be a path, and is empty")
        if "\0" in argument:
            raise ValueError("must be a path, and holds a zero byte, which no path does")
        if self._utf8 and _is_odd(argument):
            raise ValueError(
                "must be a path whose name is UTF-8, which is all that TensorFlow takes; rename the folder"
            )
        return self._expanded(argument)

    def _expanded(self, argument: str) -> str:
        return os.path.expanduser(argument)


class _PathsParser(_PathParser):
    """Takes a path, or several with commas between them."""

    syntactic_help = "a path, or several as in A,B"

    def _expanded(self, argument: str) -> str:
        whole = os.path.expanduser(argument)
        return whole if os.path.exists(whole) else ",".join(map(os.path.expanduser, argument.split(",")))


def _is_odd(text: str) -> bool:
    """Whether a name holds bytes that are no UTF-8, which Python holds as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def define_float(
    name: str,
    default: float | None,
    help: str,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> flags.FlagHolder:
    """Defines a flag for a finite number, in bounds that it may have."""
    parser = _FiniteFloatParser(lower_bound, upper_bound)
    return flags.DEFINE(parser, name, default, help, serializer=flags.ArgumentSerializer())


def define_path(name: str, help: str, *, utf8: bool = True) -> flags.FlagHolder:
    """Defines a flag for a path, None where it is not given.

    Args:
        name: of the flag.
        help: what stands there.
        utf8: refuse names of other bytes: TensorFlow reads or writes there.
    """
    return flags.DEFINE(_PathParser(utf8=utf8), name, None, help, serializer=flags.ArgumentSerializer())


def define_paths(name: str, help: str) -> flags.FlagHolder:
    """Defines a flag for one path or several, as one text; None where it is not given."""
    return flags.DEFINE(_PathsParser(), name, None, help, serializer=flags.ArgumentSerializer())
