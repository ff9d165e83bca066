import multiprocessing
import os
import pickle
import shutil
import socket
import stat
import struct
import subprocess
import sys
import zipfile

import pytest
from child_memory import PEAK
from lesser_rights import obey_rights

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.slices import RejectedImageError
from contrast_tfdata.intake import archives, files, zip_directory
from contrast_tfdata.intake.files import FileRef, list_files


def put(path, data=b"data"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def paths(listing):
    return [file.path for file in listing.files]


def problems(listing):
    return {problem.path: problem.code for problem in listing.problems}


def code_of(file: FileRef) -> str:
    with pytest.raises(RejectedImageError) as caught:
        file.read()
    return caught.value.code


def test_folder_is_listed_in_the_order_of_bytes(tmp_path):
    for name in ("b/2.png", "a.png", "b/10.png", "B.png", "b-c.png", "é.png"):
        put(tmp_path / name, name.encode())
    listing = list_files(tmp_path)
    assert paths(listing) == ["B.png", "a.png", "b-c.png", "b/10.png", "b/2.png", "é.png"]
    assert [file.read().decode() for file in listing.files] == paths(listing)
    assert [file.size for file in listing.files] == [len(path.encode()) for path in paths(listing)]


def test_order_of_the_file_system_does_not_matter(tmp_path, monkeypatch):
    for number in range(30):
        put(tmp_path / f"{number % 3}" / f"{number}.png")
    expected = list_files(tmp_path)
    scandir = os.scandir

    class Reversed:
        def __init__(self, folder):
            with scandir(folder) as entries:
                self._entries = list(entries)[::-1]

        def __enter__(self):
            return iter(self._entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert list_files(tmp_path) == expected


def test_names_of_the_system_are_ignored_and_counted(tmp_path):
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/._x.png", "a/._x.png", ".git/config", "a/x.png", "desktop.ini"):
        put(tmp_path / name)
    listing = list_files(tmp_path)
    assert paths(listing) == ["a/x.png"]
    assert listing.ignored == 6


def test_large_files_are_not_read(tmp_path):
    put(tmp_path / "big", bytes(101))
    put(tmp_path / "fits", bytes(100))
    listing = list_files(tmp_path, max_bytes=100)
    assert paths(listing) == ["fits"]
    assert problems(listing) == {"big": "too_large"}


def test_a_file_that_grew_after_the_listing(tmp_path):
    put(tmp_path / "grows", bytes(100))
    (file,) = list_files(tmp_path, max_bytes=100).files
    put(tmp_path / "grows", bytes(1000))
    assert code_of(file) == "too_large"


def test_links(tmp_path):
    outside = tmp_path / "outside"
    put(outside / "secret.png")
    root = tmp_path / "root"
    put(root / "a" / "x.png")
    for name, target in {
        "leaves": outside / "secret.png",
        "leaves_folder": outside,
        "a/up": root,
        "a/itself": root / "a" / "itself",
        "dangling": root / "nowhere",
        "folder": root / "a",
        "inside.png": root / "a" / "x.png",
    }.items():
        os.symlink(target, root / name)
    listing = list_files(root)
    assert paths(listing) == ["a/x.png", "inside.png"]
    assert problems(listing) == {
        "leaves": "link_outside",
        "leaves_folder": "link_outside",
        "a/up": "link_loop",
        "a/itself": "link_broken",
        "dangling": "link_broken",
        "folder": "link_folder",
    }


def test_the_root_itself_may_be_a_link(tmp_path):
    put(tmp_path / "real" / "x.png")
    os.symlink(tmp_path / "real", tmp_path / "link")
    assert paths(list_files(tmp_path / "link")) == ["x.png"]


def test_fifo_and_socket_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    put(tmp_path / "x.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        listing = list_files(tmp_path)
    assert paths(listing) == ["x.png"]
    assert problems(listing) == {"fifo": "not_a_file", "socket": "not_a_file"}


def test_fifo_in_place_of_a_file_does_not_block(tmp_path):
    put(tmp_path / "x.png")
    (file,) = list_files(tmp_path).files
    (tmp_path / "x.png").unlink()
    os.mkfifo(tmp_path / "x.png")
    assert code_of(file) == "not_a_file"
    with pytest.raises(DataError, match="FIFO"):
        list_files(tmp_path / "x.png")


def test_unreadable_file(tmp_path):
    put(tmp_path / "gone.png")
    put(tmp_path / "there.png")
    gone, there = list_files(tmp_path).files
    (tmp_path / "gone.png").unlink()
    assert code_of(gone) == "unreadable"
    assert there.read() == b"data"


def test_files_and_folders_closed_by_their_modes(tmp_path):
    put(tmp_path / "closed" / "x.png")
    put(tmp_path / "open" / "closed.png")
    put(tmp_path / "open" / "x.png")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "open" / "closed.png").chmod(0)
    code = (
        "import sys\n"
        "from contrast_tfdata.intake.files import list_files\n"
        "from contrast_tfdata.images.slices import RejectedImageError\n"
        "listing = list_files(sys.argv[1])\n"
        "print(*(f'{each.path}: {each.code}' for each in listing.problems))\n"
        "for file in listing.files:\n"
        "    try:\n        print(file.path, file.read())\n"
        "    except RejectedImageError as error:\n        print(file.path, error.code)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=obey_rights)
    (tmp_path / "closed").chmod(0o700)
    assert done.stdout.splitlines() == ["closed: unreadable", "open/closed.png unreadable", "open/x.png b'data'"]


def test_strange_names(tmp_path):
    names = [b"a b.png", b"new\nline.png", b"<script>.png", b"=cmd.png", "ü.png".encode(), b"bad\xff\xfe.png"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(name)
    listing = list_files(tmp_path)
    assert [os.fsencode(path) for path in paths(listing)] == sorted(names)
    assert [file.read() for file in listing.files] == sorted(names)


def test_folders_of_the_two_upper_levels_are_listed_whatever_they_hold(tmp_path):
    for name in ("a/b/c", "a/.hidden/x", "__MACOSX/a", "empty", "é"):
        (tmp_path / "root" / name).mkdir(parents=True)
    put(tmp_path / "root" / "a" / "b" / "c" / "x.png")
    put(tmp_path / "root" / "sys" / ".DS_Store")
    assert list_files(tmp_path / "root").folders == ("a", "a/b", "empty", "sys", "é")
    archive = shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "root")
    with zipfile.ZipFile(archive, "a") as opened:
        for name in ("../up/", "/absolute/", "C:\\x/", "./a/implied/x.png"):
            opened.writestr(name, "")
    listing = list_files(archive)
    assert listing.folders == ("a", "a/b", "a/implied", "empty", "sys", "é")
    assert listing.problems == ()


def test_single_file(tmp_path):
    put(tmp_path / "x.png")
    put(tmp_path / "other.png")
    (file,) = list_files(tmp_path / "x.png").files
    assert (file.path, file.read()) == ("x.png", b"data")


@pytest.mark.parametrize("content", [None, b"PK\x03\x04 not a zip"])
def test_roots_that_cannot_be_listed(tmp_path, content):
    if content is not None:
        put(tmp_path / "root", content)
    with pytest.raises(DataError, match="root"):
        list_files(tmp_path / "root")


def test_zip_is_read_in_place(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.dat", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("b/y.png", "a/x.png", "__MACOSX/a/._x.png", "a/.DS_Store", "./c.png"):
            archive.writestr(name, name)
    listing = list_files(tmp_path / "images.dat")
    assert paths(listing) == ["./c.png", "a/x.png", "b/y.png"]
    assert listing.ignored == 2
    assert [file.read().decode() for file in listing.files] == paths(listing)
    assert sorted(os.listdir(tmp_path)) == ["images.dat"]


def test_dangerous_members_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("../x", "/absolute", "a/../../x", "..\\x", "C:\\x", "fine.png"):
            archive.writestr(name, "data")
        archive.writestr(link, "/etc/passwd")
    listing = list_files(tmp_path / "x.zip")
    assert paths(listing) == ["fine.png"]
    unsafe = dict.fromkeys(("../x", "/absolute", "a/../../x", "..\\x", "C:\\x"), "unsafe_path")
    assert problems(listing) == {**unsafe, "link": "link"}
    assert sorted(os.listdir(tmp_path)) == ["x.zip"]


def _flagged_as_encrypted(data: bytes) -> bytes:
    local, central = (
        data.index(b"PK\x03\x04") + 6,
        data.index(b"PK\x01\x02") + 8,
    )  # Offsets: APPNOTE.TXT, 4.3.7, 4.3.12.
    return data[:local] + b"\x01\x00" + data[local + 2 : central] + b"\x01\x00" + data[central + 2 :]


def test_encrypted_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.png", "data")
    put(tmp_path / "x.zip", _flagged_as_encrypted((tmp_path / "x.zip").read_bytes()))
    assert problems(list_files(tmp_path / "x.zip")) == {"x.png": "encrypted"}


def test_bomb_member_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(5_000_000))
    assert problems(list_files(tmp_path / "x.zip", max_bytes=1_000_000)) == {"bomb": "too_large"}


def test_member_that_lies_about_its_size(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(5_000_000))
    data = (tmp_path / "x.zip").read_bytes()
    put(tmp_path / "x.zip", data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 1000)))
    (file,) = list_files(tmp_path / "x.zip", max_bytes=1_000_000).files
    assert code_of(file) == "unreadable"


@pytest.mark.parametrize(
    ("limit", "message"), [("MAX_MEMBERS", "more than 10 members"), ("MAX_BYTES", "have 48 bytes")]
)
def test_limits_of_the_whole_archive(tmp_path, monkeypatch, limit, message):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}.png", "data")
    monkeypatch.setattr(archives, limit, 10)
    with pytest.raises(DataError, match=message):
        list_files(tmp_path / "x.zip")


def test_long_directory_of_few_members(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}{'x' * 400}.png", "data")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 12)
    with pytest.raises(DataError, match="a directory of 5"):
        list_files(tmp_path / "x.zip")


def test_too_many_members_are_refused_before_the_directory_is_read(tmp_path):
    # zipfile takes half a kilobyte and some 20 us for each entry. The end of the archive says that there is one only.
    count, limit, name = 300_000, 50_000, b"1.png"
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 9, len(name), *[0] * 6) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(entry) * count, 4, 0)
    put(tmp_path / "x.zip", b"PK\x03\x04" + entry * count + end)
    code = (
        PEAK + "import sys\n"
        "from contrast_tfdata.errors import DataError\n"
        "from contrast_tfdata.intake import archives, files\n"
        f"archives.MAX_MEMBERS = {limit}\n"
        "before = peak()\n"
        "try:\n    files.list_files(sys.argv[1])\n"
        "except DataError as error:\n    print(error)\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.zip")], capture_output=True, text=True, check=True
    )
    message, kilobytes = done.stdout.splitlines()
    assert "more than 50000 members" in message
    assert int(kilobytes) < 8_000


def test_comment_that_looks_like_the_end_of_another_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}.png", "data")
        archive.comment = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, 0) + b"comment"
    assert zip_directory.measure(str(tmp_path / "x.zip"), 100) == (12, 12 * 46 + 10 * 5 + 2 * 6)
    assert zip_directory.measure(str(tmp_path / "x.zip"), 5)[0] == 6


def test_zip64(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 5)  # Above it the larger records are written.
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(12):
            archive.writestr(f"{number}.png", "data")
    data = (tmp_path / "x.zip").read_bytes()
    assert b"PK\x06\x06" in data
    hidden = data[:-10] + bytes(4) + data[-6:]  # The short record says nothing; zipfile believes the long one.
    put(tmp_path / "x.zip", hidden)
    assert zip_directory.measure(str(tmp_path / "x.zip"), 100)[0] == 12


def test_file_without_the_end_of_a_zip(tmp_path):
    put(tmp_path / "x.zip", b"PK\x03\x04" + bytes(100))
    assert zip_directory.measure(str(tmp_path / "x.zip"), 100) == (0, 0)
    with pytest.raises(DataError, match="not a readable .zip"):
        list_files(tmp_path / "x.zip")


def test_damaged_member_is_rejected_and_others_go_on(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.png", "first member")
        archive.writestr("b.png", "second member")
    put(tmp_path / "x.zip", (tmp_path / "x.zip").read_bytes().replace(b"first member", b"worst member"))
    damaged, sound = list_files(tmp_path / "x.zip").files
    assert code_of(damaged) == "unreadable"
    assert sound.read() == b"second member"


def test_zip_replaced_after_the_listing(tmp_path):
    for content in ("old", "newer"):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("x.png", content)
        (file,) = list_files(tmp_path / "x.zip").files
        assert file.read() == content.encode()


def test_references_are_read_in_worker_processes(tmp_path):
    put(tmp_path / "folder" / "x.png", b"from the folder")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"{number:02d}.png", f"member {number}" * 500)
    found = [*list_files(tmp_path / "folder").files, *list_files(tmp_path / "x.zip").files]
    found[-1].read()  # The parent has the archive open when the workers start.
    assert pickle.loads(pickle.dumps(found)) == found
    with multiprocessing.get_context("fork").Pool(2) as pool:
        contents = pool.map(FileRef.read, found * 5, chunksize=1)
    assert contents == [file.read() for file in found] * 5


SYSTEM_NAMES = (
    "@eaDir", "$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information", "#recycle", "@Recycle", "#snapshot",
    "~snapshot", "lost+found", "@tmp", "found.000", "FOUND.012", "ehthumbs.db", "ehthumbs_vista.db", "Icon\r",
    "Network Trash Folder", "Temporary Items", "~$letter.docx", "@Recently-Snapshot", ".Trash-1000", "._x.png",
    "Thumbs.db:encryptable", "x.png:Zone.Identifier", "x.png@SynoEAStream", "TheVolumeSettingsFolder", "Desktop.INI",
)  # fmt: skip
OTHER_NAMES = (
    "eaDir", "recycle", "snapshot", "found.0000", "found.png", "tmp", "icon", "icon.png", "~a.png", "$x.png", "x.db",
    "DICOMDIR", "trash", "@x.png", "lost", "Zone.Identifier.png",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("inside", ["", "deep/er/"])
def test_what_storage_systems_leave_is_ignored_in_any_case(tmp_path, kind, inside):
    root = tmp_path / "root"
    for name in (*SYSTEM_NAMES, *OTHER_NAMES):
        put(root / inside / name)
        put(root / inside / "folders" / name / "y.png")
        put(root / inside / "upper" / name.upper())
    listing = list_files(root if kind == "folder" else shutil.make_archive(str(tmp_path / "x"), "zip", root))
    expected = [path for name in OTHER_NAMES for path in (f"{name}", f"folders/{name}/y.png", f"upper/{name.upper()}")]
    assert sorted(paths(listing)) == sorted(f"{inside}{path}" for path in expected)
    assert listing.ignored == 3 * len(SYSTEM_NAMES)
    assert not listing.problems


def zip_of(path, members):
    """Writes a .zip whose members have these names, as they are, with these contents."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def test_backslashes_part_folders(tmp_path):
    names = (
        "no_gad\\a.png",
        "with_gad\\deep\\b.png",
        "mixed\\of/both.png",
        "empty\\",
        "__MACOSX\\._a.png",
        "a\\Thumbs.db",
    )
    listing = list_files(zip_of(tmp_path / "x.zip", [(name, name) for name in names]))
    assert paths(listing) == ["mixed/of/both.png", "no_gad/a.png", "with_gad/deep/b.png"]
    assert [file.read().decode() for file in listing.files] == [names[2], names[0], names[1]]
    assert listing.folders == ("a", "empty", "mixed", "mixed/of", "no_gad", "with_gad", "with_gad/deep")
    assert (listing.ignored, listing.problems) == (2, ())
    assert pickle.loads(pickle.dumps(listing.files)) == listing.files


@pytest.mark.parametrize(
    "name", ["..\\x", "a\\..\\..\\x", "C:\\x", "c:x", "\\x", "\\\\server\\share\\x", "/x", "a/../x", "D:/x"]
)
def test_unsafe_paths_of_every_system(tmp_path, name):
    listing = list_files(zip_of(tmp_path / "x.zip", [(name, "x"), ("fine.png", "y")]))
    assert paths(listing) == ["fine.png"]
    assert problems(listing) == {name: "unsafe_path"}


@pytest.mark.parametrize("names", [("a\\x", "a/x"), ("a/x", "a\\x"), ("./x", "x"), ("a//x", "a/x"), ("x", "x")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_become_one_path(tmp_path, names):
    first, last = names
    listing = list_files(zip_of(tmp_path / "x.zip", [(first, "first"), (last, "last")]))
    (file,) = listing.files
    assert file.read() == b"last"
    plain = "a/x" if "a" in first else "x"
    assert problems(listing) == {plain: "repeated_path"}
    same = list_files(zip_of(tmp_path / "same.zip", [(first, "same"), (last, "same")]))
    assert (len(same.files), same.problems) == (1, ())


@pytest.mark.parametrize(("method", "name"), [(9, "Deflate64"), (93, "Zstandard"), (98, "PPMd"), (77, "method 77")])
def test_methods_of_compression_that_are_not_read_are_named(tmp_path, monkeypatch, method, name):
    monkeypatch.setattr(archives, "_METHODS_READ", archives._METHODS_READ - {method})
    data = bytearray(zip_of(tmp_path / "x.zip", [("a/x.png", "data"), ("Thumbs.db", "data")]).read_bytes())
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):  # APPNOTE.TXT, 4.3.7, 4.3.12.
        start = -1
        while (start := data.find(magic, start + 1)) >= 0:
            data[start + offset : start + offset + 2] = struct.pack("<H", method)
    put(tmp_path / "x.zip", bytes(data))
    listing = list_files(tmp_path / "x.zip")
    assert problems(listing) == {"a/x.png": "compression"}
    assert listing.problems[0].detail.startswith(f"compressed with {name}, which is not read; unpack the archive")
    assert listing.ignored == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_members_of_every_method(tmp_path, method):
    content = os.urandom(2000)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        archive.writestr("x.png", content)
    whole = (tmp_path / "x.zip").read_bytes()
    for start in range(35, 1800, 97):
        put(tmp_path / "x.zip", whole[:start] + bytes(40) + whole[start + 40 :])
        os.utime(tmp_path / "x.zip", (start, start))  # Else the archive that is open is read on.
        (file,) = list_files(tmp_path / "x.zip").files
        with pytest.raises(RejectedImageError) as caught:
            file.read()
        assert caught.value.code == "unreadable"
        assert "Error" not in caught.value.detail


def test_what_was_passed_over_is_counted_by_kind_with_what_to_do(tmp_path):
    put(tmp_path / "outside" / "x.png")
    root = tmp_path / "root"
    put(root / "Thumbs.db")
    for number in range(2):
        os.symlink(tmp_path / "outside" / "x.png", root / f"{number}.png")
    os.symlink(root / "nowhere", root / "broken")
    os.mkfifo(root / "fifo")
    said = files.passed_over([list_files(root), list_files(root)])
    assert said == (
        "2 links that lead nowhere, 4 links that lead out of it (they are not followed: name what they lead to, or "
        "copy it), 2 devices, FIFOs and sockets, 2 system files"
    )
    assert files.passed_over([list_files(tmp_path / "outside")]) == ""
