"""manifest.json: what a folder of records holds, and the checks that hold the folder to it."""

import dataclasses
import hashlib
import json
import stat
import struct
from pathlib import Path

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError, StorageError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.records import manifest_schema
from contrast_tfdata.storage.bounded_file import MAX_JSON_BYTES, UnfitFileError, parse_json, read_bytes

FORMAT_VERSION = 3
FILE_NAME = "manifest.json"
REMAKE = "make the records again (make_records --overwrite)"
_NOT_REGULAR = "a link, folder or device, which is not followed or read"
_GZIPPED = "gzip-compressed, and only plain records are read: decompress it with gunzip"
_GZIP_MAGIC = b"\x1f\x8b"
_HASH_BLOCK = 1 << 20
# TFRecord framing: uint64 length, masked CRC-32C of the length, the data, masked CRC-32C of the data.
_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 4


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of records."""

    name: str
    bytes: int
    records: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """What one split holds.

    Attributes:
        shards: in reading order.
        classes: records per class name.
        groups: number of different groups.
        only: the groups whose records belong to it, where its shards hold others too, as those of a fold do; None: all.
    """

    shards: tuple[Shard, ...]
    classes: dict[str, int]
    groups: int
    only: frozenset[str] | None = None

    @property
    def records(self) -> int:
        """Number of records that belong to it: those in all shards, where it has them for itself."""
        return sum(shard.records for shard in self.shards) if self.only is None else sum(self.classes.values())


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The contents of manifest.json.

    Attributes:
        preprocessing: how slices were scaled and resized (`Preprocessing.to_json`).
        split_rule: rule, fractions and seed of the division.
        splits: by name, in the order train, validation, test; splits without records are left out.
        patients_known: whether each group is known to be a patient, so that no patient crosses splits.
        files: counts of files found, used, skipped and rejected by reason, duplicates.
        warnings: what a reader of results made from these records must know.
    """

    preprocessing: dict
    split_rule: dict
    splits: dict[str, SplitInfo]
    patients_known: bool
    files: dict
    warnings: tuple[str, ...] = ()
    class_names: tuple[str, ...] = CLASS_NAMES

    @property
    def image_size(self) -> int:
        """Side of the square slices in pixels."""
        return self.preprocessing["image_size"]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the manifest's text: differs whenever any record does."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    @property
    def group_noun(self) -> str:
        """What groups are called for people: patients, where each group is one."""
        return "patients" if self.patients_known else "groups"

    def to_text(self) -> str:
        """The file's text; the same manifest always gives the same text."""
        fields = dataclasses.asdict(self)
        for name, split in self.splits.items():
            fields["splits"][name]["records"] = split.records
            # Groups are not listed: which those of a fold are, follows from the shards and `split_rule`.
            del fields["splits"][name]["only"]
        body = {"format_version": FORMAT_VERSION, "image_size": self.image_size, **fields}
        return json.dumps(body, indent=2, ensure_ascii=True) + "\n"


def load(records_dir: Path) -> Manifest:
    """Reads the manifest of a folder of records.

    Raises:
        DataError: there is none, it is damaged, or it was written by a newer version.
        StorageError: it cannot be read.
    """
    path = records_dir / FILE_NAME
    try:
        # An entry takes 200 bytes a shard, so this is enough for 10 TB of records.
        content = read_bytes(path, MAX_JSON_BYTES, follow_links=False)
    except UnfitFileError as error:
        raise DataError(f"{path}: the manifest is damaged ({error.strerror}); {REMAKE}") from error
    except FileNotFoundError:
        raise DataError(f"{path}: no manifest, so this is no complete folder of records; run make_records") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    return _parse(path, content)


def require_split(records_dir: Path, manifest: Manifest, name: str) -> SplitInfo:
    """Returns a split of records; raises DataError where they have none of this name."""
    if name not in manifest.splits:
        purpose = ": records to evaluate on, not to train on" if name == "train" else ""
        raise DataError(f"{records_dir}: no {name} split; it has {', '.join(manifest.splits)}{purpose}")
    return manifest.splits[name]


def check(records_dir: Path, manifest: Manifest) -> None:
    """Compares names, sizes and numbers of records with the manifest; `verification` reads the records themselves.

    A shard that was cut between two records reads as a clean end of file: only the counts show it. Links are not
    followed: they would lead out of the folder.

    Raises:
        DataError: lists every shard that is missing, extra, no regular file, or of another size or count.
    """
    expected = {shard.name: shard for split in manifest.splits.values() for shard in split.shards}
    present = {path.name for path in records_dir.glob("*.tfrecord-*")}
    problems = [f"{name}: {_stray_problem(records_dir / name)}" for name in sorted(present - expected.keys())]
    for name, shard in expected.items():
        problem = _shard_problem(records_dir / name, shard) if name in present else "missing"
        if problem:
            problems.append(f"{name}: {problem}")
    if problems:
        raise DataError.listing(f"{records_dir}: the records do not match their manifest; {REMAKE}:", problems)


def total_bytes(manifest: Manifest) -> int:
    """Returns the size of all shards together."""
    return sum(shard.bytes for split in manifest.splits.values() for shard in split.shards)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _parse(path: Path, content: bytes) -> Manifest:
    try:
        fields = parse_json(content)
        version = fields["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: the manifest is damaged ({error}); {REMAKE}") from error
    if type(version) is int and version > 0 and version != FORMAT_VERSION:
        cure = f"update it, or {REMAKE}" if version > FORMAT_VERSION else REMAKE
        raise DataError(f"{path}: format version {version}, but this program reads {FORMAT_VERSION}; {cure}")
    try:
        if type(version) is not int or version != FORMAT_VERSION:
            raise ValueError(f"format_version must be {FORMAT_VERSION}. Received: {version!r}")
        manifest_schema.check_fields(fields)
        preprocessing = Preprocessing.from_json(fields["preprocessing"])
        if preprocessing.image_size != fields["image_size"]:
            raise ValueError(f"image_size must be that of preprocessing. Received: {fields['image_size']}")
    except (ValueError, TypeError, DataError) as error:
        raise DataError(f"{path}: the manifest is damaged ({error}); {REMAKE}") from error
    return _from_fields(fields)


def _from_fields(fields: dict) -> Manifest:
    splits = {
        name: SplitInfo(tuple(Shard(**shard) for shard in split["shards"]), split["classes"], split["groups"])
        for name, split in fields["splits"].items()
    }
    return Manifest(
        preprocessing=fields["preprocessing"],
        split_rule=fields["split_rule"],
        splits=splits,
        patients_known=fields["patients_known"],
        files=fields["files"],
        warnings=tuple(fields["warnings"]),
        class_names=tuple(fields["class_names"]),
    )


def _stray_problem(path: Path) -> str:
    return _GZIPPED if path.suffix == ".gz" else "not in the manifest"


def _shard_problem(path: Path, shard: Shard) -> str | None:
    if not stat.S_ISREG(path.lstat().st_mode):
        return _NOT_REGULAR
    problem = _extent_problem(path, shard)
    return _GZIPPED if problem and _begins_as_gzip(path) else problem


def _extent_problem(path: Path, shard: Shard) -> str | None:
    size = path.stat().st_size
    differs = f"{size} bytes instead of {shard.bytes}: " if size != shard.bytes else ""
    try:
        count = len(frames(path))
    except ValueError as error:
        return f"{differs}{error}"
    if count != shard.records:
        return f"{differs}{count} records instead of {shard.records}, so record {min(count, shard.records)} differs"
    return f"{differs}{count} records, as many as there should be" if differs else None


def _begins_as_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


def frames(path: Path) -> list[tuple[int, int]]:
    """Returns where the data of each record begins, and its length: steps over lengths, reads and allocates no record.

    Raises:
        ValueError: a record ends beyond the end of the file; says which.
    """
    found, offset, size = [], 0, path.stat().st_size
    with path.open("rb") as stream:
        while offset < size:
            stream.seek(offset)
            header = stream.read(_LENGTH_BYTES)
            length = struct.unpack("<Q", header)[0] if len(header) == _LENGTH_BYTES else size
            end = offset + _LENGTH_BYTES + _CHECKSUM_BYTES + length + _CHECKSUM_BYTES
            if end > size:
                raise ValueError(f"record {len(found)}, at byte {offset}, ends beyond the end of the file")
            found.append((offset + _LENGTH_BYTES + _CHECKSUM_BYTES, length))
            offset = end
    return found
