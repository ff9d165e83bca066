"""What is to be predicted, as a clinic has it: pictures, DICOM series, NIfTI volumes; folders, archives or files."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError
from contrast_tfdata.evaluation.predictions import UNKNOWN_LABEL
from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.images.kinds import ImageKind
from contrast_tfdata.images.slices import OUT_OF_SCOPE
from contrast_tfdata.intake import bids, files
from contrast_tfdata.intake.scanning import Rejection
from contrast_tfdata.intake.units import FileUnit


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What was found to be predicted.

    Attributes:
        units: files by the path under which a person finds them again.
        rejected: files that cannot be read.
        notes: a line for each entry that is no image by its nature (a link out of the folder, a device).
        claims: what stands beside files about contrast agent, by their path; see `bids`.
        kinds: what stands beside files of what they are, likewise.
        ignored: how many entries are an operating system's own, as in `Listing.ignored`.
    """

    units: dict[str, FileUnit]
    rejected: tuple[Rejection, ...]
    notes: tuple[str, ...]
    claims: Mapping[str, Claim] = dataclasses.field(default_factory=dict)
    kinds: Mapping[str, ImageKind] = dataclasses.field(default_factory=dict)
    ignored: int = 0

    @property
    def num_files(self) -> int:
        """How many files were found, readable or not."""
        return len(self.units) + len(self.rejected)

    @property
    def real_paths(self) -> set[str]:
        """Paths of the files and archives in which the units are; folders of links are none."""
        files = (unit.file for unit in self.units.values())
        return {file.root if file.archived else os.path.join(file.root, file.path) for file in files}


def find_inputs(inputs: Sequence[str], *, max_bytes: int) -> Inputs:
    """Lists the files below all inputs.

    A folder called like a class gives its files that label, so that predictions on sorted data can be scored.

    Raises:
        DataError: an input does not exist or is a damaged archive, or there is no file at all.
    """
    units, rejected, notes, seen, ignored, listings = {}, [], [], set(), {}, []
    for name in inputs:
        listing = files.list_files(name, max_bytes)
        listings.append(listing)
        ignored[os.path.realpath(name)] = listing.ignored
        for file in listing.files:
            if (file.root, file.path) not in seen:  # an input may lie within another one
                path = _shown_path(name, file)
                units[path] = FileUnit(file, _label_of_any_folder(path))
            seen.add((file.root, file.path))
        for problem in listing.problems:
            path = os.path.join(name, problem.path)
            if problem.is_no_image:
                notes.append(f"{path} passed over: {problem.detail}")
            else:
                rejected.append(Rejection(path, problem.code, problem.detail))
    if not units and not rejected:
        passed_over = files.passed_over(listings)
        raise DataError(f"no file in {', '.join(inputs)}{passed_over and f' that is read; passed over: {passed_over}'}")
    beside = bids.beside(units)
    rejected += [Rejection(path, "sidecar", OUT_OF_SCOPE["sidecar"]) for path in sorted(beside.sidecars)]
    units = {path: unit for path, unit in units.items() if path not in beside.sidecars}
    return Inputs(units, tuple(rejected), tuple(notes), beside.claims, beside.kinds, _without_nested(ignored))


def _without_nested(counts: Mapping[str, int]) -> int:
    """Returns the sum of what was counted in each input, without those folders that lie within another one."""
    paths = set(map(Path, counts))
    return sum(count for path, count in counts.items() if not (os.path.isdir(path) and paths & {*Path(path).parents}))


def _shown_path(given: str, file: files.FileRef) -> str:
    if file.archived or os.path.isdir(given):
        return str(PurePosixPath(given, file.path))
    return given


def _label_of_any_folder(path: str) -> int:
    names = [part.lower() for part in Path(path).parts[:-1]]
    labels = {CLASS_NAMES.index(name) for name in names if name in CLASS_NAMES}
    return labels.pop() if len(labels) == 1 else UNKNOWN_LABEL
