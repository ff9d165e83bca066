"""Finding labelled files: class folders, zip archives, or a table."""

import contextlib
import csv
import dataclasses
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from contrast_tfdata import CLASS_NAMES, SPLITS
from contrast_tfdata.errors import DataError, Problems, UsageError
from contrast_tfdata.intake import files
from contrast_tfdata.intake.units import FileUnit, PhantomUnit, Unit
from contrast_tfdata.phantom import PhantomOptions

_TABLE_COLUMNS = {"path", "label", "group", "split"}
_SUBGROUP = "subgroup:"
"""What the names of further columns begin with; so a column's misspelt name is no subgroup by accident."""
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
        problems: what must be mended before anything can be converted.
    """

    units: list[Unit] = dataclasses.field(default_factory=list)
    rejected: list[files.Problem] = dataclasses.field(default_factory=list)
    skipped: Counter = dataclasses.field(default_factory=Counter)
    notes: list[str] = dataclasses.field(default_factory=list)
    passed_over: list[str] = dataclasses.field(default_factory=list)
    problems: list[Problems] = dataclasses.field(default_factory=list)

    def extend(self, other: "Sources") -> None:
        """Appends another listing to this one."""
        self.units.extend(other.units)
        self.rejected.extend(other.rejected)
        self.skipped.update(other.skipped)
        self.notes.extend(other.notes)
        self.passed_over.extend(other.passed_over)
        self.problems.extend(other.problems)


def from_class_folders(root: Path, *, split: str | None, group_regex: str | None, max_bytes: int) -> Sources:
    """Lists `root`/no_gad and `root`/with_gad; case and one level of nesting (Train/Train) do not matter.

    Other folders beside them, a class without a file, and paths that do not match are `Sources.problems`.

    Args:
        root: a folder or a .zip archive; where there is none of that name, the one whose name differs by case only.
        split: the pool that all its files belong to (see `assignment.Member`), or None.
        group_regex: its first group, searched in each path relative to `root`, is the patient.
        max_bytes: larger files are listed but will be rejected unread.

    Raises:
        DataError: the folders are not there, or only the case of their letters tells two roots apart.
    """
    given, root = root, _in_any_case(root)
    _refuse_missing(root)
    found = files.list_files(root, max_bytes)
    base = _class_base(root, found)
    listing = _without_files(root, found)
    if root != given:
        listing.notes.append(f"{given} does not exist; {root} was taken, whose name differs by case only")
    if base:
        listing.notes.append(f"{root}: the classes lie one level down, in {base.rstrip('/')}")
    classes = [path[len(base) :] for path in found.folders if path.startswith(base) and "/" not in path[len(base) :]]
    listing.problems += _unknown_classes(root, set(classes) - _former_records(found, base))
    inside = [ref for ref in found.files if ref.path.startswith(base) and _label_of(ref, base) is not None]
    if len(inside) < len(found.files):
        listing.skipped["outside the class folders"] += len(found.files) - len(inside)
    folders = _by_class_and_folder(inside, base)
    pattern = compile_group_regex(group_regex)
    listing.problems += _empty_classes(f"{root}/{base}", classes, folders, files.passed_over([found]))
    listing.problems += _unmatched_paths(root, pattern, inside)
    # The order in which ImageDataGenerator lists files: class, then folder, then name.
    listing.units = [
        FileUnit(ref, label, split, _match_group(pattern, ref.path))
        for label, folder in sorted(folders)
        for ref in sorted(folders[label, folder], key=attrgetter("path"))
    ]
    return listing


def from_table(table: Path, *, group_regex: str | None, max_bytes: int) -> Sources:
    """Lists the files of a CSV with the columns path, label and, where known, group, split and subgroups.

    A column `subgroup:scanner` tells scanners apart in the figures; an empty cell says nothing. What stands in such a
    column is written into the records as it is. Paths are relative to the table's folder. Labels are class names or 0
    and 1. Rows with a wrong label or split or a missing file are `Sources.problems`.

    Raises:
        DataError: the table cannot be read, or has other columns.
    """
    pattern = compile_group_regex(group_regex)
    listing, wrong = Sources(), []
    for number, row in _read_table(table):
        try:
            listing.units.append(_unit_from_row(row, table.parent, pattern, max_bytes))
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
    if wrong:
        listing.problems.append(Problems(f"{table}: these rows must be mended first:", wrong))
    return listing


def from_phantom(num_patients: int, *, seed: int, options: PhantomOptions) -> Sources:
    """Lists synthetic patients, numbered from 0."""
    return Sources([PhantomUnit(seed, patient, options) for patient in range(num_patients)])


def compile_group_regex(group_regex: str | None) -> re.Pattern | None:
    """Compiles the pattern, which must have a group; raises UsageError otherwise."""
    if group_regex is None:
        return None
    try:
        pattern = re.compile(group_regex)
    except re.error as error:
        raise UsageError(f"--group_regex is not a regular expression: {error}. Received: {group_regex}") from error
    if not pattern.groups:
        raise UsageError(f"--group_regex needs a group (...) around the patient's part. Received: {group_regex}")
    return pattern


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
    """Returns a path that exists, or else the only one that differs from it by case; raises DataError for several."""
    if os.path.lexists(path) or path.parent == path:
        return path
    try:
        found = sorted(_entries(_in_any_case(path.parent), path.name.casefold()))
    except OSError:
        return path
    if len(found) > 1:
        raise DataError(f"{path} does not exist, but {' and '.join(map(str, found))} do: name the one that is meant")
    return found[0] if found else path


def _entries(folder: Path, folded: str) -> list[Path]:
    return [each for each in folder.iterdir() if each.name.casefold() == folded]


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
        f"{name} ({counts[_class_label(name)]} files)" for name in names if _class_label(name) is not None
    )
    return [
        Problems(
            f"no image in {base}{name}; each class needs some. Found: {found or 'neither class'}"
            f"{passed_over and f'; passed over: {passed_over}'}"
        )
        for name in empty
    ]


def _unmatched_paths(root: Path, pattern: re.Pattern | None, refs: Sequence[files.FileRef]) -> list[Problems]:
    unmatched = [ref.path for ref in refs if pattern and _match_group(pattern, ref.path) is None]
    what = f"{root}: --group_regex finds no patient in {len(unmatched)} of {len(refs)} paths"
    # Where most do not match, it is the pattern that is to be mended, not each path.
    few = 2 * len(unmatched) <= len(refs)
    return [Problems(f"{what}; change it, or move these files away:", unmatched, complete=few)] if unmatched else []


def _match_group(pattern: re.Pattern | None, path: str) -> str | None:
    match = pattern.search(path) if pattern else None
    return _shared((match.group(1) or "").strip() or None) if match else None


def _shared(text: str | None) -> str | None:
    """Returns the one string of this text that all units hold, where many of them say the same."""
    return text and sys.intern(text)


def _read_table(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the number of each row's line with the row."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _refuse_columns(table, set(reader.fieldnames or ()))
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise DataError(f"{table}: the table cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not a CSV file in UTF-8: {error}") from error


def _refuse_columns(table: Path, columns: set[str]) -> None:
    fixed = {name for name in columns if not name.startswith(_SUBGROUP) or name == _SUBGROUP}
    if not {"path", "label"} <= fixed <= _TABLE_COLUMNS:
        raise DataError(
            f"{table}: the first line must name the columns path,label[,group][,split][,{_SUBGROUP}NAME ...]. "
            f"Received: {sorted(columns)}"
        )


def _unit_from_row(row: dict[str, str], folder: Path, pattern: re.Pattern | None, max_bytes: int) -> FileUnit:
    path = row["path"] or ""
    file = folder / path  # a path that is absolute stays so
    if not file.is_file():
        raise ValueError(f"no such file: {path!r}")
    split = row.get("split") or None
    if split not in (None, *SPLITS):
        raise ValueError(f"split must be one of {', '.join(SPLITS)} or empty. Received: {split}")
    root = _shared(file.anchor if Path(path).is_absolute() else str(folder))
    ref = files.FileRef(root, file.relative_to(root).as_posix(), file.stat().st_size, max_bytes=max_bytes)
    group = _shared((row.get("group") or "").strip()) or _match_group(pattern, path)
    return FileUnit(ref, _parse_label(row["label"] or ""), _shared(split), group, _subgroups(row))


def _subgroups(row: dict[str, str]) -> tuple[tuple[str, str], ...]:
    named = {name.removeprefix(_SUBGROUP): (value or "").strip() for name, value in row.items() if _is_subgroup(name)}
    return tuple((_shared(name), _shared(value)) for name, value in sorted(named.items()) if value)


def _is_subgroup(column: str | None) -> bool:
    """Whether a column of the table is one; cells beyond the last named column have none."""
    return column is not None and column.startswith(_SUBGROUP)


def _parse_label(text: str) -> int:
    by_text = {"0": 0, "1": 1, **{name: label for label, name in enumerate(CLASS_NAMES)}}
    label = by_text.get(text.strip().lower())
    if label is None:
        raise ValueError(f"label must be 0, 1, {CLASS_NAMES[0]} or {CLASS_NAMES[1]}. Received: {text}")
    return label
