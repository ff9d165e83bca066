"""Flags that several commands take, defined once a process (absl refuses a second definition of a name).

A command calls the function of each flag that it takes and keeps the holder; nothing is read here. Some functions take
what the flag is in this command. A process runs one command: where it imports several, the first says what the flag is.
"""

import functools
from collections.abc import Callable, Sequence

from absl import flags

from contrast_tfdata.console import flag_types
from contrast_tfdata.evaluation.abstention import DEFAULT_MAX_ERROR
from contrast_tfdata.evaluation.operating_point import check_criterion
from contrast_tfdata.images.preprocessing import INTERPOLATIONS

flags.disclaim_key_flags()  # A flag then counts as the command's own, and --help shows it there.


def _once(define: Callable[..., flags.FlagHolder]) -> Callable[..., flags.FlagHolder]:
    """Defines a flag at the first call; at each later one it becomes a key flag of that caller too."""
    holders = []

    @functools.wraps(define)
    def get(*arguments) -> flags.FlagHolder:
        if holders:
            flags.declare_key_flag(holders[0].name)
        else:
            holders.append(define(*arguments))
        return holders[0]

    return get


@_once
def debug() -> flags.FlagHolder:
    """How much an error says."""
    return flags.DEFINE_bool("debug", False, "show a traceback with an error")


@_once
def records_dir() -> flags.FlagHolder:
    """Where records are read."""
    return flag_types.define_path("records_dir", "folder of records, written by make_records")


@_once
def verify() -> flags.FlagHolder:
    """How much of the records is read before they are used."""
    return flags.DEFINE_enum(
        "verify", "auto", ["auto", "full"], "check every byte of the records first; auto: only once, and up to 2 GiB"
    )


@_once
def workdir(help: str) -> flags.FlagHolder:
    """Where a run lives."""
    return flag_types.define_paths("workdir", help)


@_once
def batch_size() -> flags.FlagHolder:
    """Examples a step."""
    return flags.DEFINE_integer("batch_size", 64, "slices in a batch", lower_bound=1)


@_once
def seed() -> flags.FlagHolder:
    """Where all randomness comes from."""
    return flags.DEFINE_integer("seed", 1020, "seed of all random choices", lower_bound=0, upper_bound=2**32 - 1)


@_once
def precision() -> flags.FlagHolder:
    """Keras dtype policy."""
    choices = ["auto", "float32", "mixed_float16", "mixed_bfloat16"]
    return flags.DEFINE_enum("precision", "auto", choices, "number format; auto: the fastest one here")


@_once
def jit_compile() -> flags.FlagHolder:
    """XLA."""
    return flags.DEFINE_enum("jit_compile", "auto", ["auto", "true", "false"], "compile with XLA; auto: on a GPU only")


@_once
def interpolation(help: str) -> flags.FlagHolder:
    """Resize filter; None where a stored one applies."""
    return flags.DEFINE_enum("interpolation", None, list(INTERPOLATIONS), help)


@_once
def slice_range() -> flags.FlagHolder:
    """Part of a volume that is used."""
    return flags.DEFINE_string("slice_range", "1/3,2/3", "part of a volume or series to use, as FROM,TO")


@_once
def slice_step() -> flags.FlagHolder:
    """Stride through a volume."""
    return flags.DEFINE_integer("slice_step", 1, "use every N-th slice of --slice_range", lower_bound=1)


@_once
def split(choices: Sequence[str], help: str) -> flags.FlagHolder:
    """How records are divided, or which part of them is scored; the first choice is the default."""
    return flags.DEFINE_enum("split", choices[0], list(choices), help)


@_once
def output_dir(help: str) -> flags.FlagHolder:
    """Where a command writes."""
    return flag_types.define_path("output_dir", help)


@_once
def output(help: str) -> flags.FlagHolder:
    """The file that a command writes."""
    return flag_types.define_path("output", help, utf8=False)


@_once
def overwrite() -> flags.FlagHolder:
    """Whether what stands at the output may go."""
    return flags.DEFINE_bool("overwrite", False, "replace an existing output once the new is complete")


@_once
def criterion() -> flags.FlagHolder:
    """What the operating point is chosen for."""
    holder = flags.DEFINE_string(
        "criterion",
        "accuracy",
        "what the threshold is chosen for: accuracy, youden, or as in specificity=0.9",
    )
    flags.register_validator(holder, _is_criterion)
    return holder


def _is_criterion(text: str) -> bool:
    try:
        check_criterion(text)
    except ValueError as error:
        raise flags.ValidationError(str(error)) from error
    return True


@_once
def max_error() -> flags.FlagHolder:
    """How sure an answer must be."""
    return flag_types.define_float(
        "max_error",
        DEFAULT_MAX_ERROR,
        "largest share of wrong answers; slices that are less certain are indeterminate",
        lower_bound=0.0,
        upper_bound=1.0,
    )


@_once
def group_key_file() -> flags.FlagHolder:
    """Secret of the hash that stands for a patient."""
    return flag_types.define_path(
        "group_key_file",
        "file with the secret key that patients are hashed with [your own, made by the first run]",
    )


@_once
def reformat() -> flags.FlagHolder:
    """Which volumes are cut in the sagittal plane."""
    return flags.DEFINE_enum(
        "reformat", "auto", ["auto", "always"], "cut volumes into sagittal slices; auto: if 3 mm or finer"
    )


@_once
def num_workers() -> flags.FlagHolder:
    """Processes."""
    return flags.DEFINE_string("num_workers", "auto", "processes that read images; auto: one for each core")


@_once
def max_bytes() -> flags.FlagHolder:
    """Largest file that is read."""
    return flags.DEFINE_integer("max_bytes", 512 << 20, "reject larger files, in bytes", lower_bound=1)
