"""Workers that train together: what TF_CONFIG may say, and how they meet."""

import json
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from free_ports import free_addresses

from contrast_tfdata.errors import InterruptedRunError, UsageError
from contrast_tfdata.training.cluster import Cluster

HOSTS = ["a:1", "b:2"]


def environ(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_workers_are_counted_in_their_order():
    cluster = Cluster.from_environment(environ({"worker": HOSTS}, index=1))
    assert (cluster.rank, cluster.is_chief, cluster.port) == (1, False, 2)
    assert [cluster.name(rank) for rank in (0, 1)] == ["worker 0 (a:1)", "worker 1 (b:2)"]


def test_a_chief_stands_before_the_workers():
    cluster = {"worker": HOSTS, "chief": ["[::1]:3"]}
    assert Cluster.from_environment(environ(cluster, "worker", "0")).rank == 1
    chief = Cluster.from_environment(environ(cluster, "chief"))
    assert (chief.is_chief, chief.name(0)) == (True, "chief 0 ([::1]:3)")


@pytest.mark.parametrize(
    ("strategy", "text", "workers"),
    [
        ("auto", "", None),
        ("one_device", environ({"worker": HOSTS})["TF_CONFIG"], None),
        ("mirrored", "no JSON", None),
        ("auto", environ({"worker": HOSTS})["TF_CONFIG"], 2),
        ("auto", environ({"worker": HOSTS[:1]})["TF_CONFIG"], None),
        ("multi_worker", environ({"worker": HOSTS[:1]})["TF_CONFIG"], 1),
    ],
)
def test_which_strategy_means_them(strategy, text, workers):
    cluster = Cluster.for_strategy(strategy, {"TF_CONFIG": text})
    assert (cluster and len(cluster.tasks)) == workers


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "is no JSON"),
        ([], "`cluster` is missing"),
        ({"cluster": {}}, "`cluster` is missing"),
        ({"cluster": {"worker": HOSTS}}, "`task` is missing"),
        ({"cluster": {"worker": HOSTS}, "task": {"type": "worker"}}, "`task` is missing"),
        ({"cluster": {"worker": HOSTS}, "task": {"type": "worker", "index": 2}}, "has no worker 2"),
        ({"cluster": {"worker": HOSTS}, "task": {"type": "ps", "index": 0}}, "has no ps 0"),
        ({"cluster": {"worker": HOSTS, "ps": ["c:3"]}, "task": {"type": "worker", "index": 0}}, "has 'ps'"),
        ({"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}, "'a' is no host:port"),
        ({"cluster": {"worker": [3]}, "task": {"type": "worker", "index": 0}}, "3 is no host:port"),
        ({"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}, "must be a list"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}, "a:1 is there twice"),
        ({"cluster": {"chief": HOSTS}, "task": {"type": "chief", "index": 0}}, "one chief only"),
    ],
)
def test_wrong_tf_config_is_explained(content, said):
    text = content if content is None or isinstance(content, str) else json.dumps(content)
    with pytest.raises(UsageError, match=said) as error:
        Cluster.from_environment({"TF_CONFIG": text} if text else {})
    assert "host0:12345" in str(error.value)


def test_all_that_is_wrong_with_tf_config_is_said_at_once():
    with pytest.raises(UsageError) as error:
        Cluster.from_environment(environ({"worker": ["a", "b:2", "b:2"], "evaluator": ["c:3"]}))
    assert all(said in str(error.value) for said in ("'evaluator'", "'a' is no host:port", "b:2 is there twice"))


@pytest.mark.parametrize(
    ("message", "ranks"),
    [
        ("Error reported from /job:worker/task:1: Task /job:worker/replica:0/task:1 heartbeat timeout.", [2]),
        ("from remote target /job:chief/replica:0/task:0 while calling", [0]),
        ("on /job:worker/replica:0/task:0/device:CPU:0", []),  # itself
        ("No space left on device", []),
    ],
)
def test_workers_that_a_message_names(message, ranks):
    cluster = Cluster.from_environment(environ({"chief": ["c:3"], "worker": HOSTS}))
    assert cluster.named_in(message) == ranks


def clusters_here(count):
    """Returns what each of `count` workers on this machine knows."""
    addresses = free_addresses(count)
    return [Cluster.from_environment(environ({"worker": addresses}, index=index)) for index in range(count)]


def gather(clusters, seconds=20.0, delays=()):
    """Lets each worker gather in a thread of its own; returns what it raised, or None, in their order."""
    outcomes = [None] * len(clusters)

    def work(position):
        time.sleep(dict(delays).get(position, 0))
        try:
            clusters[position].gather(seconds)
        except Exception as error:
            outcomes[position] = error

    threads = [threading.Thread(target=work, args=(position,)) for position in range(len(clusters))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("late", [0, 1, 2])
def test_workers_wait_for_whoever_is_late(late):
    clusters = clusters_here(3)
    began = time.monotonic()
    assert gather(clusters, delays={late: 1.0}.items()) == [None] * 3
    assert time.monotonic() - began > 1
    for cluster in clusters:  # and the ports are free for TensorFlow, at once
        socket.create_server(("localhost", cluster.port)).close()


def test_workers_that_do_not_come_are_named():
    clusters = clusters_here(3)
    chief, second = gather(clusters[:2], seconds=1.0)
    assert isinstance(chief, InterruptedRunError)
    assert clusters[0].name(2) in str(chief)
    assert clusters[0].name(1) not in str(chief)
    assert isinstance(second, InterruptedRunError)
    assert clusters[0].name(0) in str(second)


def test_two_workers_of_one_index_are_refused():
    clusters = clusters_here(3)
    outcomes = gather([clusters[0], clusters[1], clusters[1]], seconds=1.5, delays={2: 0.5}.items())
    assert isinstance(outcomes[2], UsageError)
    assert "two workers have the same index" in str(outcomes[2])


def test_a_taken_port_is_said():
    cluster, _ = clusters_here(2)
    with socket.create_server(("", cluster.port)), pytest.raises(UsageError, match="cannot listen on port"):
        cluster.gather(1.0)


def test_whoever_else_connects_is_not_counted():
    clusters = clusters_here(2)
    outcomes = []
    chief = threading.Thread(target=lambda: outcomes.append(gather(clusters[:1])[0]))
    chief.start()
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"7\n", b"-1\n", b"0\n", b""):
        connect(clusters[0].port, said)
    assert gather(clusters[1:]) == [None]
    chief.join()
    assert outcomes == [None]


def test_a_former_chief_that_still_has_the_port_is_waited_for():
    clusters = clusters_here(2)
    outcomes = []
    former = socket.create_server(("localhost", clusters[0].port))
    second = threading.Thread(target=lambda: outcomes.append(gather(clusters[1:])[0]))
    second.start()
    connection, _ = former.accept()
    connection.sendall(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x7f\xff\xff\xff\n")  # as gRPC greets
    time.sleep(0.5)
    connection.close()
    former.close()
    assert gather(clusters[:1]) == [None]
    second.join()
    assert outcomes == [None]


def connect(port, said):
    deadline = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection(("localhost", port)) as connection:
                connection.sendall(said)
                return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline


def test_silent_are_those_that_take_no_connection():
    clusters = clusters_here(2)
    assert clusters[0].silent() == [1]
    with socket.create_server(("localhost", clusters[1].port)):
        assert clusters[0].silent() == []


def test_the_example_of_the_guide_is_one():
    guide = (Path(__file__).parents[2] / "docs" / "scale_out.md").read_text()
    (text,) = re.findall(r'`(\{"cluster".*?\}\})`', guide)
    assert Cluster.from_environment({"TF_CONFIG": text}).rank == json.loads(text)["task"]["index"]
