"""Manifests and records of which parts were changed at random: refused in words, or read; never a crash or a hang.

Seeded: the same changes every time. CONTRAST_FUZZ=20000 tries that many.
"""

import copy
import json
import os
import random
import resource
import shutil
import time

import forging
import pytest
import tensorflow as tf
from png_files import write_png
from test_conversion import SMALL, make

from contrast_tfdata.errors import DataError
from contrast_tfdata.records import codec, verification
from contrast_tfdata.records import manifest as manifests
from contrast_tfdata.records.options import ConversionOptions

EXAMPLES = int(os.environ.get("CONTRAST_FUZZ", "60"))
STRING = tf.TensorSpec([], tf.string)
SLOWEST_SECONDS, MOST_MEMORY_KB = 2.0, 100_000
pytestmark = pytest.mark.slow
ODD = [
    None, True, -1, 0, 1, 2**63, 10**40, 1.5, float("nan"), float("inf"), "", "x", "\0", "\ud800", "../x", [], {}, [[]],
    {"": {}}, "9" * 400, [None] * 50,
]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Whole records, never to be changed."""
    root = tmp_path_factory.mktemp("fuzz")
    for label, name in enumerate(("no_gad", "with_gad")):
        for number in range(6):
            write_png(root / "pictures" / name / f"p{label}{number}_0.png", 100 * label + number)
    make(root / "pictures", root / "records", options=ConversionOptions(preprocessing=SMALL))
    return root / "records"


@pytest.fixture
def records(original, tmp_path):
    """A copy of them."""
    return shutil.copytree(original, tmp_path / "records")


def read_all(directory):
    """Everything that is done with records before they are used; returns whether they were accepted."""
    try:
        manifest = manifests.load(directory)
        verification.verify_records(directory, manifest)
    except DataError:
        return False
    return True


def hold_to_limits(attempt):
    """Runs `attempt(randomness)` for each example; each must end in time, and memory must not grow."""
    accepted, slowest = 0, 0.0
    attempt(random.Random(-1))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(EXAMPLES):
        began = time.process_time()  # not that of others on the machine
        accepted += attempt(random.Random(number))
        slowest = max(slowest, time.process_time() - began)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(f"{EXAMPLES} tried, {accepted} accepted, slowest {slowest:.2f} s, memory grew by {grown / 1000:.0f} MB")
    assert slowest < SLOWEST_SECONDS
    assert grown < MOST_MEMORY_KB
    return accepted


def mutated(content, randomness):
    """Bytes with a few of them changed, cut, repeated or put in."""
    result = bytearray(content)
    for _ in range(randomness.randint(1, 4)):
        place = randomness.randrange(len(result) or 1)
        length = randomness.randint(1, 16)
        kind = randomness.randrange(4)
        if kind == 0:
            result[place : place + 1] = bytes([randomness.randrange(256)])
        elif kind == 1:
            del result[place : place + length]
        elif kind == 2:
            result[place:place] = result[place : place + length]
        else:
            result[place:place] = randomness.randbytes(length)
    return bytes(result)


def places(value, path=()):
    """The path of every entry of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def test_manifest_with_odd_entries(records):
    """All that is accepted is what make_records could have written: it says the same when it is written again."""
    path = records / "manifest.json"
    fields = json.loads(path.read_text())
    paths = [each for each in places(fields) if each]

    def attempt(randomness):
        changed = copy.deepcopy(fields)
        *parents, last = randomness.choice(paths)
        place = changed
        for key in parents:
            place = place[key]
        if randomness.random() < 0.2:
            del place[last]
        else:
            place[last] = copy.deepcopy(randomness.choice(ODD))
        path.write_text(json.dumps(changed))
        accepted = read_all(records)
        if accepted:
            assert json.loads(manifests.load(records).to_text()) == changed
        return accepted

    assert hold_to_limits(attempt) < EXAMPLES


def test_manifest_of_mutated_bytes(records):
    path = records / "manifest.json"
    content = path.read_bytes()

    def attempt(randomness):
        path.write_bytes(mutated(content, randomness))
        return read_all(records)

    assert hold_to_limits(attempt) < EXAMPLES


def test_no_mutated_shard_is_accepted(records):
    manifest = manifests.load(records)
    path = records / manifest.splits["train"].shards[0].name
    content = path.read_bytes()

    def attempt(randomness):
        path.write_bytes(mutated(content, randomness))
        return path.read_bytes() != content and read_all(records)

    assert hold_to_limits(attempt) == 0


def test_mutated_records_with_right_checksums(records):
    """What verification accepts, the graph that training reads with accepts too, and sees as the same."""
    originals = forging.read_serialized(records, "train")
    parse = tf.function(lambda each: codec.parse_example(each, SMALL.image_size), input_signature=[STRING])

    def attempt(randomness):
        changed = list(originals)
        place = randomness.randrange(len(changed))
        changed[place] = mutated(changed[place], randomness)
        forging.write_serialized(records, "train", changed)
        accepted = read_all(records)
        if accepted:
            record = codec.decode(changed[place])
            image, label = parse(changed[place])
            assert (image.numpy() == record.pixels).all()
            assert label == record.label
        return accepted

    assert 0 < hold_to_limits(attempt) < EXAMPLES
