"""Weights by class and patient: what they add up to, and that each slice of the records gets its own."""

from collections import Counter, defaultdict

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numbered_records import write_numbered

from contrast_tfdata.pipeline.datasets import create_train_dataset
from contrast_tfdata.pipeline.folds import count_slices
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.pipeline.weighing import class_weights, patient_weights

groups_and_labels = st.tuples(st.integers(0, 30).map(lambda number: b"%d" % number), st.integers(0, 1))


@given(st.dictionaries(groups_and_labels, st.integers(1, 500), min_size=1))
def test_classes_and_patients_have_the_same_sums_and_the_mean_is_1(counts):
    weights = patient_weights(counts)
    assert weights.keys() == counts.keys()
    of_class, of_patient = defaultdict(float), defaultdict(set)
    for (group, label), weight in weights.items():
        part = weight * counts[group, label]
        of_class[label] += part
        of_patient[label].add(round(part, 6))
    total = sum(counts.values())
    assert sum(of_class.values()) == pytest.approx(total)
    assert list(of_class.values()) == pytest.approx([total / len(of_class)] * len(of_class))
    assert all(len(parts) == 1 for parts in of_patient.values())


SLICES = [("a", place, 0) for place in range(4)] + [("a", 9, 1), ("b", 0, 0), ("c", 0, 1), ("c", 1, 1)]
WEIGHTS = [0.5, 0.5, 0.5, 0.5, 2.0, 2.0, 1.0, 1.0]
"""8 slices, 4 for each class; 2 for each of its patients: a and b before contrast, a and c after it."""


def test_counts_by_group_and_label(tmp_path):
    manifest = write_numbered(tmp_path / "records", SLICES)
    counts = count_slices(tmp_path / "records", manifest.splits["train"])
    assert counts == Counter({(b"a", 0): 4, (b"a", 1): 1, (b"b", 0): 1, (b"c", 1): 2})


@pytest.mark.parametrize("pairs", [False, True])
def test_each_slice_has_the_weight_of_its_patient_and_padding_none(tmp_path, pairs):
    manifest = write_numbered(tmp_path / "records", SLICES)
    options = PipelineOptions(batch_size=5, class_weights="balanced_patients", pairs=pairs, static_shapes=True)
    found = {}
    for image, _, weight in batches(tmp_path / "records", manifest, options):
        kept = weight.numpy() > 0
        found.update(zip(image[:, 0, 0].numpy()[kept].tolist(), weight.numpy()[kept].tolist(), strict=True))
    assert [found[number] for number in range(8)] == pytest.approx(WEIGHTS)


def test_a_group_that_was_not_counted_fails(tmp_path):
    manifest = write_numbered(tmp_path / "records", SLICES)
    dataset = batches(tmp_path / "records", manifest, PipelineOptions(class_weights="balanced_patients", cache="none"))
    write_numbered(tmp_path / "others", [("z", 0, 0)] * 8)
    shard = manifest.splits["train"].shards[0].name
    (tmp_path / "others" / shard).replace(tmp_path / "records" / shard)
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(dataset)


def batches(directory, manifest, options):
    return create_train_dataset(records_dir=directory, manifest=manifest, options=options, first_epoch=0, epochs=1)


def test_counting_reads_no_pixels(tmp_path):
    """Records with pixels that no image has are counted all the same."""
    manifest = write_numbered(tmp_path / "records", SLICES)
    path = tmp_path / "records" / manifest.splits["train"].shards[0].name
    examples = [tf.train.Example.FromString(each) for each in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            example.features.feature["image/raw"].bytes_list.value[0] = b""
            writer.write(example.SerializeToString())
    assert sum(count_slices(tmp_path / "records", manifest.splits["train"]).values()) == np.size(WEIGHTS)


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = [0] * 556 + [1] * 166
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    weights = class_weights({"no_gad": 556, "with_gad": 166})
    np.testing.assert_allclose(weights, expected)
