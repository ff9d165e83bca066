"""model.json with other values: as somebody leaves it who edits it, and as a program would that seals it again."""

import json

from contrast_tfdata.storage import sealed_json


def edit(folder, **changes):
    """Changes keys of a model folder's model.json; None removes one."""
    _write(folder, _changed(folder, changes))


def forge(folder, **changes):
    """Does the same, and seals it again: what is found then is found by looking at the values."""
    _write(folder, sealed_json.sealed(_changed(folder, changes)))


def age(folder, **changes):
    """Does the same, and makes it one of format 1, which had no seal."""
    _write(folder, _changed(folder, {**changes, "format_version": 1, sealed_json.KEY: None}))


def _changed(folder, changes):
    record = {**json.loads((folder / "model.json").read_text()), **changes}
    return {key: value for key, value in record.items() if value is not None}


def _write(folder, record):
    (folder / "model.json").write_text(json.dumps(record))
