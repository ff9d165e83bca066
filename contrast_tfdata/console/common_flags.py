"""Flags that several commands take, defined once a process (absl refuses a second definition of a name).

A command calls the function of each flag that it takes and keeps the holder; nothing is read here.
"""

import functools
from collections.abc import Callable

from absl import flags

from contrast_tfdata.console import flag_types
from contrast_tfdata.evaluation.abstention import DEFAULT_MAX_ERROR
from contrast_tfdata.evaluation.operating_point import check_criterion
from contrast_tfdata.images.preprocessing import INTERPOLATIONS

flags.disclaim_key_flags()  # A flag then counts as the command's own, and --help shows it there.


def _once(define: Callable[[], flags.FlagHolder]) -> Callable[[], flags.FlagHolder]:
    """Defines a flag at the first call; at each later one it becomes a key flag of that caller too."""
    holders = []

    @functools.wraps(define)
    def get() -> flags.FlagHolder:
        if holders:
            flags.declare_key_flag(holders[0].name)
        else:
            holders.append(define())
        return holders[0]

    return get


@_once
def debug() -> flags.FlagHolder:
    """How much an error says."""
    return flags.DEFINE_bool("debug", False, "show a traceback with an error")


@_once
def records_dir() -> flags.FlagHolder:
    """Where records are read."""
    return flag_types.define_path("records_dir", "folder of records that make_records wrote")


@_once
def verify() -> flags.FlagHolder:
    """How much of the records is read before they are used."""
    return flags.DEFINE_enum(
        "verify",
        "auto",
        ["auto", "full"],
        "read all records before the first is used (full), or only where they are at most 2 GiB and have changed since "
        "they were last read for it; names, sizes and counts are always checked",
    )


@_once
def workdir() -> flags.FlagHolder:
    """Where a run lives."""
    return flag_types.define_paths(
        "workdir",
        "folder of the run: checkpoints, predictions, metrics, report, model; to evaluate, predict and export, shipped "
        "stands for the weights of this package, and A,B,C, or a folder of train --folds, for the mean logit of all",
    )


@_once
def batch_size() -> flags.FlagHolder:
    """Examples a step."""
    return flags.DEFINE_integer("batch_size", 64, "examples in a batch", lower_bound=1)


@_once
def seed() -> flags.FlagHolder:
    """Where all randomness comes from."""
    return flags.DEFINE_integer(
        "seed", 1020, "seed of everything that is drawn at random", lower_bound=0, upper_bound=2**32 - 1
    )


@_once
def precision() -> flags.FlagHolder:
    """Keras dtype policy."""
    choices = ["auto", "float32", "mixed_float16", "mixed_bfloat16"]
    return flags.DEFINE_enum("precision", "auto", choices, "Keras dtype policy; auto: the fastest that the device has")


@_once
def jit_compile() -> flags.FlagHolder:
    """XLA."""
    return flags.DEFINE_enum("jit_compile", "auto", ["auto", "true", "false"], "compile with XLA; auto: on a GPU only")


@_once
def interpolation() -> flags.FlagHolder:
    """Resize filter; None where a stored one applies."""
    return flags.DEFINE_enum("interpolation", None, list(INTERPOLATIONS), "resize filter (nearest: the slides' loader)")


@_once
def slice_range() -> flags.FlagHolder:
    """Part of a volume that is used."""
    return flags.DEFINE_string(
        "slice_range", "1/3,2/3", "part of the sagittal slices of a volume or series that is used: from,to as fractions"
    )


@_once
def slice_step() -> flags.FlagHolder:
    """Stride through a volume."""
    return flags.DEFINE_integer("slice_step", 1, "take every n-th slice within --slice_range", lower_bound=1)


@_once
def split() -> flags.FlagHolder:
    """How make_records divides, or what evaluate scores: one name, two commands, each refuses the other's values."""
    return flags.DEFINE_enum(
        "split",
        None,
        ["group", "keras", "test", "validation"],
        "make_records: group (whole groups by hashed key) or keras (the slides' split); evaluate: test or validation",
    )


@_once
def output_dir() -> flags.FlagHolder:
    """Where a command writes."""
    return flag_types.define_path("output_dir", "folder for the results")


@_once
def output() -> flags.FlagHolder:
    """The file that a command writes."""
    return flag_types.define_path("output", "file for the results", utf8=False)


@_once
def overwrite() -> flags.FlagHolder:
    """Whether what stands at the output may go."""
    return flags.DEFINE_bool("overwrite", False, "replace an existing output once the new one is complete")


@_once
def criterion() -> flags.FlagHolder:
    """What the operating point is chosen for."""
    holder = flags.DEFINE_string(
        "criterion",
        "accuracy",
        "what the threshold is chosen for, on validation: accuracy, youden, or as in specificity=0.9 the highest "
        "sensitivity at that specificity",
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
        "largest share of wrong answers among the slices of validation that are answered; less sure ones, in a band "
        "around the threshold, are indeterminate",
        lower_bound=0.0,
        upper_bound=1.0,
    )


@_once
def group_key_file() -> flags.FlagHolder:
    """Secret of the hash that stands for a patient."""
    return flag_types.define_path(
        "group_key_file",
        "file whose bytes key the hash that stands for a patient [your own, made once: contrast_tfdata/group.key below "
        "XDG_DATA_HOME or ~/.local/share]",
    )


@_once
def reformat() -> flags.FlagHolder:
    """Which volumes are cut in the sagittal plane."""
    return flags.DEFINE_enum(
        "reformat", "auto", ["auto", "always"], "cut volumes in the sagittal plane: those finer than 3 mm, or always"
    )


@_once
def num_workers() -> flags.FlagHolder:
    """Processes."""
    return flags.DEFINE_string("num_workers", "auto", "processes that decode; auto: one a core")


@_once
def max_bytes() -> flags.FlagHolder:
    """Largest file that is read."""
    return flags.DEFINE_integer("max_bytes", 512 << 20, "larger files are rejected unread, in bytes", lower_bound=1)
