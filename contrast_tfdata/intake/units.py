"""Units of conversion: what one worker turns into slices at one go (a file, or a synthetic patient)."""

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from contrast_tfdata.images import reading
from contrast_tfdata.images.label_maps import check_intensities
from contrast_tfdata.images.slices import OUT_OF_SCOPE, FileFacts, FramePlace, RejectedImageError, Slice
from contrast_tfdata.images.sniffing import expected_format
from contrast_tfdata.images.thumbnail import thumbnail
from contrast_tfdata.images.volumes import Grid, upright
from contrast_tfdata.intake.files import FileRef

if TYPE_CHECKING:
    from contrast_tfdata.phantom import PhantomOptions

_PHANTOM = "0.1.0"
"""Version of what synthetic patients look like. By it they get the ids by which they are divided and ordered."""
DEVELOPMENT = "development"
"""Pool of files from a training folder that has a test folder beside it: train or validation, never test."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileUnit:
    """A file with the label that its folder or table row gives it.

    Attributes:
        file: where its bytes are.
        label: 0 or 1; -1 where a file is only to be predicted.
        split: pool that folder or table fixes (see `assignment.Member`), else None.
        group: patient key as found by regex or table, not yet hashed; None where unknown.
        subgroups: what the table says of it besides, in pairs as in `FileFacts.subgroups`, which they precede.
    """

    file: FileRef
    label: int
    split: str | None = None
    group: str | None = None
    subgroups: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """Relative path, with `/`, as written into the records."""
        return self.file.path

    @property
    def num_files(self) -> int:
        """How many files it is."""
        return 1

    def scan(self) -> FileFacts:
        """Reads the bytes and what can be learned without decoding pixels; raises RejectedImageError."""
        return self._facts(self.file.read())

    def scan_with_thumbnail(self) -> tuple[FileFacts, np.ndarray | None]:
        """Scans a file and, of a picture whose patient nobody names, returns the thumbnail too: (48, 48) uint8.

        It is None for all others, and for a picture that cannot be decoded.
        """
        data = self.file.read()
        facts = self._facts(data)
        named = self.group or facts.patient_id or facts.study_uid or facts.series_uid
        if named or facts.num_slices > 1:
            return facts, None
        try:
            (only,) = reading.read(data, facts, (0,))
        except RejectedImageError as error:
            if error.code in OUT_OF_SCOPE:
                raise  # What is no image takes no part in the split.
            return facts, None  # Said of the file when it is decoded for the records.
        return facts, thumbnail(only.pixels)

    def _facts(self, data: bytes) -> FileFacts:
        promised = expected_format(self.path)
        facts = reading.scan(data, promised)
        if self.subgroups:
            # The table knows better than a header what the user wants to tell apart.
            together = {**dict(facts.subgroups), **dict(self.subgroups)}
            facts = dataclasses.replace(facts, subgroups=tuple(sorted(together.items())))
        if promised in (None, facts.format):
            return facts
        return dataclasses.replace(facts, warnings=(*facts.warnings, "name_disagrees"))

    def read(self, facts: FileFacts, indices: Sequence[int]) -> list[tuple[int, Slice]]:
        """Returns (label, slice) for the slices `indices`.

        Raises:
            RejectedImageError: the file cannot be decoded, or is no longer the one that was scanned.
        """
        return [(self.label, each) for each in reading.read(self.file.read(), facts, indices)]


@dataclasses.dataclass(frozen=True, slots=True)
class StackUnit(FileUnit):
    """A DICOM series that is read as a whole: a volume, or slices of a file with many.

    Attributes:
        sources: its files, each with what the scan knew of it.
        members: its slices in their order: the number of the file, and how the slice lies.
        grid: as which volume they lie; None where each is a sagittal slice.
    """

    sources: tuple[tuple[FileRef, FileFacts], ...] = ()
    members: tuple[tuple[int, FramePlace], ...] = ()
    grid: Grid | None = None

    @property
    def num_files(self) -> int:
        """How many files it is."""
        return len(self.sources)

    def read(self, facts: FileFacts, indices: Sequence[int]) -> list[tuple[int, Slice]]:
        """Returns (label, slice) for the slices `indices`, as `FileUnit.read`."""
        if self.grid is not None:
            planes = self._planes(range(len(self.members)))
            voxels = np.stack([planes[number].T for number in range(len(self.members))], axis=-1)
            check_intensities(voxels)
            return [(self.label, each) for each in self.grid.sagittal_slices(voxels, indices)]
        planes = self._planes(indices)
        if planes:
            check_intensities(np.stack(list(planes.values())))
        return [(self.label, upright(planes[index], self.members[index][1], index)) for index in indices]

    def _planes(self, indices: Iterable[int]) -> dict[int, np.ndarray]:
        """Returns the pixels of some slices as they are stored; each file is read once."""
        wanted = defaultdict(list)
        for index in indices:
            wanted[self.members[index][0]].append(index)
        planes = {}
        for number, members in wanted.items():
            file, facts = self.sources[number]
            frames = [self.members[index][1].frame for index in members]
            planes.update(zip(members, reading.read_planes(file.read(), facts, frames), strict=True))
        return planes


@dataclasses.dataclass(frozen=True)
class PhantomUnit:
    """A synthetic patient: some slices before contrast, as many after it."""

    seed: int
    patient: int
    options: "PhantomOptions"
    split: str | None = None

    @property
    def path(self) -> str:
        """A name in place of a path."""
        return f"phantom/patient-{self.patient:05d}"

    @property
    def num_files(self) -> int:
        """A synthetic patient counts as one."""
        return 1

    @property
    def group(self) -> str:
        """A synthetic patient is its own group."""
        return self.path

    def scan(self) -> FileFacts:
        """Describes the patient; its digest stands for all that its pixels depend on. There is no file: 0 bytes."""
        recipe = f"phantom {_PHANTOM} seed {self.seed} patient {self.patient} {self.options}"
        recipe += " other sequences" if self.options.other_sequences else ""
        return FileFacts(hashlib.sha256(recipe.encode()).digest(), "phantom", 0, 2 * self.options.slices_per_class)

    def scan_with_thumbnail(self) -> tuple[FileFacts, None]:
        """Describes the patient; synthetic ones are not compared."""
        return self.scan(), None

    def read(self, facts: FileFacts, indices: Sequence[int]) -> list[tuple[int, Slice]]:
        """Returns (label, slice): of the slices before contrast, then those after it, those at `indices`."""
        from contrast_tfdata import phantom  # Here: its SciPy is most of what a worker would have to import.

        patient = phantom.generate_patient(self.seed, self.patient, self.options)
        both = [(0, each) for each in patient.pre] + [(1, each) for each in patient.post]
        return [both[index] for index in indices]


Unit = FileUnit | PhantomUnit
