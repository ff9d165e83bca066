"""manifest.json: what a folder of records holds, and the checks that hold the folder to it."""

import dataclasses
import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.errors import DataError, StorageError
from contrast_tfdata.images.preprocessing import Preprocessing

FORMAT_VERSION = 1
FILE_NAME = "manifest.json"
REMAKE = "make the records again (make_records --overwrite)"
_SPLIT_RULE_KEYS = {"rule", "allow_leakage"}
_HASH_BLOCK = 1 << 20
# TFRecord framing: uint64 length, masked CRC-32C of the length, the data, masked CRC-32C of the data.
_FRAME_OVERHEAD = 8 + 4 + 4


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
    """

    shards: tuple[Shard, ...]
    classes: dict[str, int]
    groups: int

    @property
    def records(self) -> int:
        """Number of records in all shards."""
        return sum(shard.records for shard in self.shards)


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

    def to_text(self) -> str:
        """The file's text; the same manifest always gives the same text."""
        fields = dataclasses.asdict(self)
        for name, split in self.splits.items():
            fields["splits"][name]["records"] = split.records
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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: no manifest, so this is no complete folder of records; run make_records") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: the manifest is damaged ({error}); {REMAKE}") from error
    return _parse(path, text)


def check(records_dir: Path, manifest: Manifest, *, full: bool) -> None:
    """Compares names, sizes and numbers of records with the manifest, and where `full` is asked for every byte.

    A shard that was cut between two records reads as a clean end of file: only the counts show it.

    Raises:
        DataError: lists every shard that is missing, extra, or of another size, count or SHA-256.
    """
    expected = {shard.name: shard for split in manifest.splits.values() for shard in split.shards}
    present = {path.name for path in records_dir.glob("*.tfrecord-*")}
    problems = [f"{name}: not in the manifest" for name in sorted(present - expected.keys())]
    for name, shard in expected.items():
        problem = _shard_problem(records_dir / name, shard, full) if name in present else "missing"
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


def _parse(path: Path, text: str) -> Manifest:
    try:
        fields = json.loads(text)
        version = fields.pop("format_version")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: the manifest is damaged ({error}); {REMAKE}") from error
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path}: format version {version}, but this program reads {FORMAT_VERSION}; update it, or {REMAKE}"
        )
    try:
        fields.pop("image_size")
        fields["splits"] = {name: _parse_split(split) for name, split in fields["splits"].items()}
        fields["warnings"], fields["class_names"] = tuple(fields["warnings"]), tuple(fields["class_names"])
        Preprocessing.from_json(fields["preprocessing"])
        if fields["class_names"] != CLASS_NAMES or not fields["split_rule"].keys() >= _SPLIT_RULE_KEYS:
            raise ValueError("class_names or split_rule differ")
        return Manifest(**fields)
    except (KeyError, TypeError, AttributeError, ValueError, DataError) as error:
        raise DataError(f"{path}: the manifest is damaged ({error!r}); {REMAKE}") from error


def _parse_split(fields: dict) -> SplitInfo:
    shards = tuple(Shard(**shard) for shard in fields["shards"])
    for shard in shards:
        if Path(shard.name).name != shard.name or shard.name.startswith("."):
            raise ValueError(f"a shard's name must be a plain file name, not {shard.name!r}")
    return SplitInfo(shards, fields["classes"], fields["groups"])


def _shard_problem(path: Path, shard: Shard, full: bool) -> str | None:
    size = path.stat().st_size
    if size != shard.bytes:
        return f"{size} bytes instead of {shard.bytes}"
    try:
        count = sum(1 for _ in _frames(path, size))
    except ValueError as error:
        return str(error)
    if count != shard.records:
        return f"{count} records instead of {shard.records}"
    if full and sha256_of(path) != shard.sha256:
        return "SHA-256 differs from the manifest's: a damaged or another file"
    return None


def _frames(path: Path, size: int) -> Iterator[int]:
    """Yields the offset of each record by stepping over lengths; reads no record, allocates nothing."""
    with path.open("rb") as stream:
        offset = 0
        while offset < size:
            stream.seek(offset)
            header = stream.read(8)
            length = struct.unpack("<Q", header)[0] if len(header) == 8 else size
            if offset + length + _FRAME_OVERHEAD > size:
                raise ValueError(f"damaged at byte {offset}: a record ends beyond the end of the file")
            yield offset
            offset += length + _FRAME_OVERHEAD
