"""Finding labelled files: class folders, zip archives, or a table."""

import contextlib
import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError, Problems
from contrast_tfdata.intake import files, table_rows
from contrast_tfdata.intake.group_regex import compile_pattern, find_patients, patients_found
from contrast_tfdata.intake.names import one_form
from contrast_tfdata.intake.units import FileUnit, PhantomUnit, Unit
from contrast_tfdata.phantom import PhantomOptions
from contrast_tfdata.wording import plural

_SHOWN_NAMES = 10
_SHARD = re.compile(r"contrast-\w+\.tfrecord-\d+-of-\d+")


@dataclasses.dataclass
class Sources:
    """Units that were found, and what was passed over.

    Attributes:
        units: by class, then folder, then name.
        rejected: files that should have been images but cannot be read.
        skipped: number of entries that are no images by their nature (system files, links, devices), by reason.
        notes: one line each for whoever reads the records: resolved folders.
        passed_over: one line for each link or device, for the user alone: paths may name patients.
        patients_found: what `group_regex` finds, in a line for each listing, for the user alone.
        by_regex: whether it finds the patient of every file.
        problems: what must be mended before anything can be converted.
    """

    units: list[Unit] = dataclasses.field(default_factory=list)
    rejected: list[files.Problem] = dataclasses.field(default_factory=list)
    skipped: Counter = dataclasses.field(default_factory=Counter)
    notes: list[str] = dataclasses.field(default_factory=list)
    passed_over: list[str] = dataclasses.field(default_factory=list)
    patients_found: list[str] = dataclasses.field(default_factory=list)
    by_regex: bool = False
    problems: list[Problems] = dataclasses.field(default_factory=list)

    def extend(self, other: "Sources") -> None:
        """Appends another listing to this one."""
        self.units.extend(other.units)
        self.rejected.extend(other.rejected)
        self.skipped.update(other.skipped)
        self.notes.extend(other.notes)
        self.passed_over.extend(other.passed_over)
        self.patients_found.extend(other.patients_found)
        self.by_regex |= other.by_regex
        self.problems.extend(other.problems)


def from_class_folders(root: Path, *, split: str | None, group_regex: str | None, max_bytes: int) -> Sources:
    """Lists `root`/no_gad and `root`/with_gad; case and one level of nesting (Train/Train) do not matter.

    Other folders beside them, a class without a file, and paths that do not match are `Sources.problems`.

    Args:
        root: a folder or a .zip archive; where there is none of that name, the only one whose name differs from it in
            case, blanks or form of Unicode alone.
        split: the pool that all its files belong to (see `assignment.Member`), or None.
        group_regex: its first group, searched in each path relative to `root`, is the patient.
        max_bytes: larger files are listed but will be rejected unread.

    Raises:
        DataError: the folders are not there, or two roots differ only in that.
        UsageError: `group_regex` is no expression with a group, or takes too long.
    """
    pattern = compile_pattern(group_regex)
    given, root = root, _in_any_case(root)
    _refuse_missing(root)
    found = files.list_files(root, max_bytes)
    base = _class_base(root, found)
    listing = _without_files(root, found)
    if root != given:
        how = "whose name differs only in case, blanks or form of Unicode"
        listing.notes.append(f"{given} does not exist; {root} was taken, {how}")
    if base:
        listing.notes.append(f"{root}: the classes lie one level down, in {base.rstrip('/')}")
    classes = [path[len(base) :] for path in found.folders if path.startswith(base) and "/" not in path[len(base) :]]
    listing.problems += _unknown_classes(root, set(classes) - _former_records(found, base))
    inside = [ref for ref in found.files if ref.path.startswith(base) and _label_of(ref, base) is not None]
    if len(inside) < len(found.files):
        listing.skipped["outside the class folders"] += len(found.files) - len(inside)
    folders = _by_class_and_folder(inside, base)
    listing.problems += _empty_classes(f"{root}/{base}", classes, folders, files.passed_over([found]))
    # The order in which ImageDataGenerator lists files: class, then folder, then name.
    ordered = [
        (label, ref)
        for label, folder in sorted(folders)
        for ref in sorted(folders[label, folder], key=attrgetter("path"))
    ]
    patients = find_patients(pattern, [ref.path for _, ref in ordered])
    listing.units = [
        FileUnit(ref, label, split, patient) for (label, ref), patient in zip(ordered, patients, strict=True)
    ]
    if pattern:
        listing.problems += _without_patient(root, listing.units)
        listing.patients_found = patients_found(root, patients)
        listing.by_regex = True
    return listing


def from_table(table: Path, *, group_regex: str | None, max_bytes: int) -> Sources:
    """Lists the files of a CSV with the columns path, label and, where known, group, split and subgroups.

    A column `subgroup:scanner` tells scanners apart in the figures; an empty cell says nothing. What stands in such a
    column is written into the records as it is. Paths are relative to the table's folder. Labels are class names or 0
    and 1. Rows with a wrong cell or a missing file are `Sources.problems`.

    Raises:
        DataError: the table cannot be read, has other columns, or no row.
        UsageError: the pattern is none, or takes too long.
    """
    rows = table_rows.read(table, pattern=compile_pattern(group_regex), max_bytes=max_bytes)
    return Sources(
        rows.units,
        problems=rows.problems,
        patients_found=patients_found(table, rows.searched),
        by_regex=len(rows.searched) == len(rows.units),
    )


def from_phantom(num_patients: int, *, seed: int, options: PhantomOptions) -> Sources:
    """Lists synthetic patients, numbered from 0."""
    return Sources([PhantomUnit(seed, patient, options) for patient in range(num_patients)])


def _without_files(root: Path, found: files.Listing) -> Sources:
    """Sorts what was not listed: what is no image by its nature is skipped, what should have been one is rejected."""
    sources = Sources(skipped=Counter({"system files": found.ignored} if found.ignored else {}))
    for problem in found.problems:
        if problem.is_no_image:
            sources.skipped[problem.code] += 1
            sources.passed_over.append(f"{root}: {problem.path} passed over: {problem.detail}")
        else:
            sources.rejected.append(problem)
    return sources


def _in_any_case(path: Path) -> Path:
    """Returns a path that exists, or else the only one written in another way; raises DataError for several."""
    if os.path.lexists(path) or path.parent == path:
        return path
    try:
        found = sorted(_entries(_in_any_case(path.parent), one_form(path.name).casefold()))
    except OSError:
        return path
    if len(found) > 1:
        raise DataError(f"{path} does not exist, but {' and '.join(map(str, found))} do: name the one that is meant")
    return found[0] if found else path


def _entries(folder: Path, folded: str) -> list[Path]:
    return [each for each in folder.iterdir() if one_form(each.name).casefold() == folded]


def _refuse_missing(root: Path) -> None:
    if not os.path.lexists(root):
        folder = next(each for each in root.parents if each.is_dir())
        with contextlib.suppress(PermissionError):
            raise _no_classes(f"{root}: no such folder or .zip", root, f" in {folder}", os.listdir(folder))


def _class_base(root: Path, found: files.Listing) -> str:
    """Returns the prefix below which the class folders lie: empty, or one folder with a slash."""
    folders = [path.split("/") for path in found.folders]
    if any(_class_label(first) is not None for first, *_ in folders):
        return ""
    bases = {first for first, *below in folders if below and _class_label(below[0]) is not None}
    if len(bases) == 1:
        return f"{bases.pop()}/"
    tops = {ref.path.split("/")[0] for ref in found.files} - set(found.folders)
    raise _no_classes(f"{root}: no class folders", root, "", [*found.folders, *tops], files.passed_over([found]))


def _no_classes(what: str, root: Path, where: str, found: Iterable[str], passed_over: str = "") -> DataError:
    shown = sorted(found)
    more = f" and {len(shown) - _SHOWN_NAMES} more" if len(shown) > _SHOWN_NAMES else ""
    return DataError(
        f"{what}. Expected {root}/{CLASS_NAMES[0]} and {root}/{CLASS_NAMES[1]} (or one level below). "
        f"Found{where}: {', '.join(shown[:_SHOWN_NAMES]) or 'no file at all'}{more}"
        f"{passed_over and f'; passed over: {passed_over}'}"
    )


def _unknown_classes(root: Path, folders: Iterable[str]) -> list[Problems]:
    strangers = sorted(name for name in folders if _class_label(name) is None)
    text = (
        f"{root}: unknown class folders: {', '.join(strangers)}; only {CLASS_NAMES[0]} and {CLASS_NAMES[1]} "
        "may stand there: rename, move or remove the others"
    )
    return [Problems(text)] if strangers else []


def _former_records(found: files.Listing, base: str) -> set[str]:
    """Returns the names of folders beside the classes into which this command has written."""
    held = defaultdict(set)
    for ref in found.files:
        folder, _, name = ref.path.rpartition("/")
        held[folder].add("records" if _SHARD.fullmatch(name) else name)
    return {folder[len(base) :] for folder, names in held.items() if names >= {"records", "manifest.json"}}


def _class_label(folder: str) -> int | None:
    name = folder.lower()
    return CLASS_NAMES.index(name) if name in CLASS_NAMES else None


def _label_of(ref: files.FileRef, base: str) -> int | None:
    folder, is_inside, _ = ref.path[len(base) :].partition("/")
    return _class_label(folder) if is_inside else None


def _by_class_and_folder(refs: Iterable[files.FileRef], base: str) -> dict[tuple[int, str], list[files.FileRef]]:
    folders = defaultdict(list)
    for ref in refs:
        folders[_label_of(ref, base), ref.path.rpartition("/")[0]].append(ref)
    return folders


def _empty_classes(
    base: str, names: Iterable[str], folders: dict[tuple[int, str], list[files.FileRef]], passed_over: str
) -> list[Problems]:
    counts = Counter()
    for (label, _), refs in folders.items():
        counts[label] += len(refs)
    empty = [name for label, name in enumerate(CLASS_NAMES) if not counts[label]]
    found = ", ".join(
        f"{name} ({plural(counts[_class_label(name)], 'file')})" for name in names if _class_label(name) is not None
    )
    return [
        Problems(
            f"no image in {base}{name}; each class needs some. Found: {found or 'neither class'}"
            f"{passed_over and f'; passed over: {passed_over}'}"
        )
        for name in empty
    ]


def _without_patient(root: Path, units: Sequence[FileUnit]) -> list[Problems]:
    paths = [unit.path for unit in units if not unit.group]
    what = f"{root}: --group_regex finds no patient in {len(paths)} of {len(units)} paths"
    # Where most do not match, it is the pattern that is to be mended, not each path.
    few = 2 * len(paths) <= len(units)
    return [Problems(f"{what}; change it, or move these files away:", paths, complete=few)] if paths else []
