"""TensorFlow's errors become the user's."""

import forging
import pytest
import tensorflow as tf
from bright_records import SIZE, write_records

from contrast_tfdata.errors import DataError
from contrast_tfdata.model import failures
from contrast_tfdata.pipeline.datasets import create_eval_dataset, create_train_dataset
from contrast_tfdata.pipeline.options import PipelineOptions

TRAIN = (("train", 8),)


def training_batches(directory, manifest):
    options = PipelineOptions(batch_size=4, seed=1)
    return create_train_dataset(records_dir=directory, manifest=manifest, options=options, first_epoch=0, epochs=1)


def evaluation_batches(directory, manifest):
    options = PipelineOptions(batch_size=4, seed=1)
    return create_eval_dataset(records_dir=directory, manifest=manifest, split="train", options=options)


@pytest.mark.parametrize("batches", [training_batches, evaluation_batches])
@pytest.mark.parametrize("change", [forging.drop_label, forging.label_7, forging.float_label, forging.short_pixels])
def test_wrong_record_in_a_pipeline_is_a_data_error(tmp_path, change, batches):
    manifest = write_records(tmp_path / "records", TRAIN)
    forging.change_record(tmp_path / "records", "train", 5, change)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(batches(tmp_path / "records", manifest))
    explained = failures.explain(error.value)
    assert isinstance(explained, DataError)
    assert "make_records --verify_only names shard and record" in str(explained)


def test_bytes_that_are_no_record(tmp_path):
    manifest = write_records(tmp_path / "records", TRAIN)
    records = forging.read_serialized(tmp_path / "records", "train")
    forging.write_serialized(tmp_path / "records", "train", [*records[:7], b"\xff\xff\xff"])
    with pytest.raises((UnicodeDecodeError, tf.errors.InvalidArgumentError)) as error:
        list(training_batches(tmp_path / "records", manifest))
    assert isinstance(failures.explain(error.value), DataError)


@pytest.mark.slow
def test_a_full_memory_is_told_with_what_to_do():
    with pytest.raises(tf.errors.ResourceExhaustedError) as error:
        # Compiled, because an operation alone waits ten seconds for memory that comes free.
        tf.function(lambda: tf.random.stateless_uniform([1 << 45], (1, 2)), jit_compile=True)()
    explained = failures.explain(error.value)
    assert explained.exit_code == 70
    assert str(explained).startswith("out of memory; try a smaller --batch_size. ")


def test_what_xla_cannot_compile_is_told_with_what_to_do():
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.function(tf.strings.as_string, jit_compile=True)(tf.ones(3))
    explained = failures.explain(error.value)
    assert explained.exit_code == 70
    assert str(explained).startswith("XLA cannot compile this; --jit_compile=false does without. Detected unsupported")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "a/b"), "No space left on device"),
        (ValueError("bad shape\nand more"), "bad shape"),
        (tf.errors.UnknownError(None, None, "{{node x}} /a/b; File too large [Op:SaveV2] name: "), "File too large"),
    ],
)
def test_reasons_name_neither_operation_nor_file(error, words):
    assert failures.reason(error) == words


def test_other_errors_are_nobodys_but_ours():
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tf.reshape(tf.zeros(SIZE), (SIZE, SIZE))
    assert failures.explain(error.value) is None
    assert failures.explain(ValueError("ours")) is None
