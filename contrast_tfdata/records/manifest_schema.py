"""What manifest.json must look like, so that nothing which it says can surprise whoever reads it."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping

from contrast_tfdata import CLASS_NAMES, SPLITS

_SPLIT_RULES = ("group", "keras")
_SHA256 = re.compile("[0-9a-f]{64}")
_KEYS = {
    "format_version", "image_size", "preprocessing", "split_rule", "splits", "patients_known", "files", "warnings",
    "class_names",
}  # fmt: skip
_FILES_KEYS = {"found", "used", "duplicates", "rejected", "skipped"}


def check_fields(fields: Mapping) -> None:
    """Checks types, counts, names and that the figures agree with each other.

    Args:
        fields: the parsed JSON object; `preprocessing` is left to `Preprocessing.from_json`.

    Raises:
        ValueError: names the entry that is wrong, as in `splits.train.groups`.
    """
    _check_keys("", fields, _KEYS)
    _check_count("image_size", fields["image_size"])
    _check_split_rule(fields["split_rule"])
    _check_each("splits", fields["splits"], _check_split)
    _check_shard_names(fields["splits"])
    _expect("patients_known", fields["patients_known"], "true or false", isinstance(fields["patients_known"], bool))
    _check_keys("files", fields["files"], _FILES_KEYS)
    _check_each("files", fields["files"], _check_tally)
    warnings = fields["warnings"]
    is_texts = isinstance(warnings, list) and all(isinstance(each, str) for each in warnings)
    _expect("warnings", warnings, "a list of texts", is_texts)
    _expect("class_names", fields["class_names"], f"{list(CLASS_NAMES)}", fields["class_names"] == list(CLASS_NAMES))


def _check_split_rule(rule: object) -> None:
    _check_each("split_rule", rule, _check_scalar)
    _expect("split_rule.rule", rule.get("rule"), f"one of {_SPLIT_RULES}", rule.get("rule") in _SPLIT_RULES)
    leaks = rule.get("allow_leakage")
    _expect("split_rule.allow_leakage", leaks, "true or false", isinstance(leaks, bool))


def _check_split(where: str, split: object) -> None:
    name = where.rpartition(".")[2]
    _expect("splits", name, f"one of {SPLITS}", name in SPLITS)
    _check_keys(where, split, {"shards", "classes", "groups", "records"})
    for key in ("groups", "records"):
        _check_count(f"{where}.{key}", split[key])
    _check_keys(f"{where}.classes", split["classes"], set(CLASS_NAMES))
    _check_each(f"{where}.classes", split["classes"], _check_count)
    shards = split["shards"]
    _expect(f"{where}.shards", shards, "a list with an entry or more", isinstance(shards, list) and bool(shards))
    for number, shard in enumerate(shards):
        _check_shard(f"{where}.shards[{number}]", shard, name)
    in_shards, in_classes = sum(shard["records"] for shard in shards), sum(split["classes"].values())
    agree = in_shards == in_classes == split["records"]
    _expect(
        f"{where}.records", split["records"], f"{in_shards} as in its shards and {in_classes} in its classes", agree
    )


def _check_shard(where: str, shard: object, split: str) -> None:
    _check_keys(where, shard, {"name", "bytes", "records", "sha256"})
    name, sha256 = shard["name"], shard["sha256"]
    pattern = rf"contrast-{split}\.tfrecord-\d{{5,}}-of-\d{{5,}}"
    named = isinstance(name, str) and re.fullmatch(pattern, name, re.ASCII) is not None
    _expect(f"{where}.name", name, f"a plain file name as contrast-{split}.tfrecord-00000-of-00001", named)
    hashed = isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None
    _expect(f"{where}.sha256", sha256, "64 hex digits", hashed)
    for key in ("bytes", "records"):
        _check_count(f"{where}.{key}", shard[key])


def _check_shard_names(splits: Mapping) -> None:
    names = Counter(shard["name"] for split in splits.values() for shard in split["shards"])
    for name, count in names.items():
        _expect(f"shard {name}", count, "listed once", count == 1)


def _check_tally(where: str, value: object) -> None:
    """A number of files, or numbers by reason."""
    if where in ("files.rejected", "files.skipped"):
        _check_each(where, value, _check_count)
    else:
        _check_count(where, value)


def _check_scalar(where: str, value: object) -> None:
    is_scalar = value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    _expect(where, value, "a text, finite number, true, false or null", is_scalar)


def _check_count(where: str, value: object) -> None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    _expect(where, value, "a whole number from 0", is_count)


def _check_each(where: str, value: object, check: Callable[[str, object], None]) -> None:
    _expect(where, value, "a JSON object", isinstance(value, dict))
    for key, each in value.items():
        check(f"{where}.{key}", each)


def _check_keys(where: str, value: object, keys: set[str]) -> None:
    _expect(where or "it", value, "a JSON object", isinstance(value, dict))
    different = ", ".join(sorted(value.keys() ^ keys))
    if different:
        raise ValueError(f"{where or 'it'} has missing or unknown keys: {different}")


def _expect(where: str, value: object, wanted: str, right: bool) -> None:
    if not right:
        received = repr(value)
        raise ValueError(f"{where} must be {wanted}. Received: {received[:80]}{'...' if len(received) > 80 else ''}")
