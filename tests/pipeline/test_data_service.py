"""Batches made by a real tf.data service, started as BUILD.md says, are those made here."""

import socket
import time

import numpy as np
import pytest
import tensorflow as tf
from free_ports import free_ports
from numbered_records import write_numbered
from tf_data_service import service_of_the_guide

from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import failures
from contrast_tfdata.pipeline import data_service
from contrast_tfdata.pipeline.datasets import create_train_dataset
from contrast_tfdata.pipeline.options import Augmentation, PipelineOptions


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("service") / "records"
    return directory, write_numbered(directory, [(f"g{number % 3}", 0, number % 2) for number in range(1, 22)])


def batches(records, **options):
    directory, manifest = records
    options = PipelineOptions(batch_size=4, seed=3, **options)
    return create_train_dataset(records_dir=directory, manifest=manifest, options=options, first_epoch=1, epochs=4)


@pytest.mark.processes
@pytest.mark.slow
def test_batches_are_the_same_in_the_same_order(records):
    with service_of_the_guide() as (address, _):
        data_service.check_address(address)
        changes = ({}, {"cache": "none"}, {"balance_patients": True}, {"augmentation": Augmentation(rotation=30)})
        for change in changes:
            here, there = batches(records, **change), batches(records, **change, data_service=address)
            assert there.cardinality() == here.cardinality() == 18
            assert there.element_spec == here.element_spec
            for one, other in zip(here, there, strict=True):
                for mine, made in zip(one, other, strict=True):
                    np.testing.assert_array_equal(mine, made)


@pytest.mark.processes
@pytest.mark.slow
def test_a_second_worker_of_the_service_is_refused(records):
    with service_of_the_guide(workers=2) as (address, _), pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(batches(records, data_service=address))
    explained = failures.explain(error.value)
    assert isinstance(explained, UsageError)
    assert "has several workers; start it with one" in str(explained)


@pytest.mark.parametrize("address", ["localhost", "grpc://localhost:5050", "a b:1", ":"])
def test_an_address_is_host_and_port(address):
    with pytest.raises(UsageError, match="must be host:port"):
        data_service.check_address(address)


def test_a_service_that_is_not_there_is_said_at_once():
    began = time.monotonic()
    with pytest.raises(UsageError, match="no tf.data service answers at localhost:"):
        data_service.check_address(f"localhost:{free_ports(1)[0]}")
    assert time.monotonic() - began < 10


def test_a_cache_on_the_disk_of_the_service_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cache=disk would be on the disk of the data_service"):
        PipelineOptions(cache="disk", cache_dir=tmp_path, data_service="a:1")


def test_a_lost_service_is_said_once(monkeypatch):
    monkeypatch.setattr(data_service, "_LOOK_SECONDS", 0.05)
    said = []
    (port,) = free_ports(1)
    with data_service.watching(f"localhost:{port}", said.append):
        wait_until(lambda: said)
        time.sleep(0.5)
    assert [f"localhost:{port}" in str(each) and each.exit_code for each in said] == [75]


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_service_that_answers_is_left_alone(monkeypatch):
    monkeypatch.setattr(data_service, "_LOOK_SECONDS", 0.02)
    said = []
    with socket.create_server(("localhost", 0)) as listener:
        with data_service.watching(f"localhost:{listener.getsockname()[1]}", said.append):
            time.sleep(0.5)
        with data_service.watching(None, said.append):
            pass
    assert not said
