"""Seconds per training step: this project's network and input against the slides' code, interleaved in one process."""

import statistics
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from contrast_tfdata.images.phantom import PhantomOptions, generate_patient
from contrast_tfdata.model import runtime_plan
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.reference import reference_network
from contrast_tfdata.training.compiling import compile_model
from contrast_tfdata.training.options import TrainingOptions

BATCH = 64
ROUNDS = 7
WARM_UP = 2


@pytest.fixture(scope="module")
def picture_tree(tmp_path_factory):
    """A batch of 512 x 512 PNGs in class folders, as the slides' loader reads them."""
    root = tmp_path_factory.mktemp("pictures")
    options = PhantomOptions(slices_per_class=4, matrix=512)
    for number in range(BATCH // 8):
        patient = generate_patient(0, number, options)
        for name, slices in (("no_gad", patient.pre), ("with_gad", patient.post)):
            (root / name).mkdir(exist_ok=True)
            for each in slices:
                Image.fromarray(each.pixels).save(root / name / f"p{number}_{each.index}.png")
    return root


def slides_step(root):
    """Returns a function that does one step of the slides' code, its generator included."""
    generator = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1.0 / 255)
    batches = generator.flow_from_directory(root, (331, 331), class_mode="binary", batch_size=BATCH)
    network = reference_network()
    optimizer = tf.keras.optimizers.Adam(learning_rate=0.0005)
    network.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return lambda: network.train_on_batch(*next(batches))


def own_step():
    """Returns a function that does one step of this project on a cached batch, as the runtime plan has it."""
    plan = runtime_plan.plan()
    runtime_plan.apply(plan)
    network = ContrastNet(pooling=plan.pooling)
    compile_model(network, TrainingOptions(), jit_compile=plan.jit_compile)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, 331, 331), np.uint8)
    labels = np.arange(BATCH, dtype=np.float32)[:, np.newaxis] % 2
    batches = iter(tf.data.Dataset.from_tensors((images, labels, np.ones(BATCH, np.float32))).cache().repeat())
    return lambda: network.train_on_batch(*next(batches))


def seconds(step):
    """Times one step."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def test_step_against_the_slides(picture_tree, benchmark, capsys):
    slides, ours = slides_step(picture_tree), own_step()
    try:
        for _ in range(WARM_UP):
            slides(), ours()
        pairs = [(seconds(slides), seconds(ours)) for _ in range(ROUNDS)]
        benchmark.pedantic(ours, rounds=ROUNDS)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    ratio = statistics.median(theirs / own for theirs, own in pairs)
    theirs, own = (statistics.median(times) for times in zip(*pairs, strict=True))
    with capsys.disabled():
        print(f"\nslides {theirs:.3f} s/step (on the slides: 3), ours {own:.3f} s/step: {ratio:.1f} times faster")
    assert ratio > 1
