import os
import socket
from pathlib import Path

import pytest

from contrast_tfdata.storage import bounded_file
from contrast_tfdata.storage.bounded_file import UnfitFileError


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_fifo, "a FIFO"),
        (make_socket, "a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.write_bytes(b"123456"), "larger than the 5 bytes"),
    ],
)
def test_what_is_no_file_of_that_size_is_refused_at_once(tmp_path, monkeypatch, make, said):
    monkeypatch.chdir(tmp_path)  # The path of a socket has 108 bytes at most.
    make(tmp_path / "it") if make is not make_socket else make("it")
    with pytest.raises(UnfitFileError, match=said):
        bounded_file.read_bytes(tmp_path / "it", 5)


def test_a_file_is_read_to_its_last_byte(tmp_path):
    (tmp_path / "it").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("it")
    assert bounded_file.read_bytes(tmp_path / "it", 5) == b"12345"
    assert bounded_file.read_bytes(tmp_path / "link", 5) == b"12345"
    with pytest.raises(UnfitFileError, match="a link"):
        bounded_file.read_bytes(tmp_path / "link", 5, follow_links=False)


def test_a_file_that_does_not_tell_its_size_is_read_as_far_as_it_may():
    status = Path("/proc/self/status")
    if not status.exists() or status.stat().st_size:
        pytest.skip("there is no such file here")
    assert len(bounded_file.read_bytes(status, 1 << 20)) > 500
    with pytest.raises(UnfitFileError, match="larger than the 100 bytes"):
        bounded_file.read_bytes(status, 100)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands there twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{", "Expecting"),
        (b'"\xff"', "utf-8"),
    ],
)
def test_json_that_means_nothing_or_two_things_is_refused(content, said):
    with pytest.raises(ValueError, match=said):
        bounded_file.parse_json(content)


def test_json_is_read(tmp_path):
    (tmp_path / "it").write_text('{"a": [1, {"b": "ü"}]}', encoding="utf-8")
    assert bounded_file.read_json(tmp_path / "it") == {"a": [1, {"b": "ü"}]}
