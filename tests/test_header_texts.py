"""No text of a header gets out: not what is written, not what is said, whichever element of which format holds it."""

import gzip
import io
import json
import struct
import zlib

import numpy as np
import pydicom
import pytest
from image_files import dicom_bytes, encode, nifti_bytes, ramp
from PIL import Image, PngImagePlugin
from pydicom.datadict import dictionary_VR, tag_for_keyword
from running import run

from contrast_tfdata.images import dicom

SECRET = "ZAUBER^HEXENWO"
"""In the place of every text."""
WORDS = (b"zaub", b"hexe", b"zauber", b"hexenwo")
MORE_TAGS = (
    "PatientName", "PatientBirthDate", "PatientComments", "InstitutionName", "StudyDescription", "StationName",
    "OperatorsName", "ManufacturerModelName", "StudyID", "AccessionNumber", "TransferSyntaxUID", "StudyDate",
    "MediaStorageSOPClassUID", "FrameOfReferenceUID",
)  # fmt: skip
SHORT_VRS = ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "US", "FD", "FL"]


def with_texts(*keywords: str, as_text: bool) -> bytes:
    """Returns a DICOM file whose elements of these names hold the text, as such or under their own kind of value."""
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(SpecificCharacterSet=_OWN_VALUES["SpecificCharacterSet"])))
    for keyword in keywords:
        if keyword not in _OWN_VALUES:
            dataset[keyword] = pydicom.DataElement(keyword, "LO", _PLACEHOLDER)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    data = buffer.getvalue().replace(_PLACEHOLDER.encode(), SECRET.encode())
    for keyword in keywords:
        tag, vr, own = tag_for_keyword(keyword), dictionary_VR(keyword), _OWN_VALUES.get(keyword)
        start = data.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
        if own:
            end = start + 8 + len(own) + len(own) % 2
            data = data[: start + 8] + SECRET.encode().ljust(end)[: end - start - 8] + data[end:]
        elif vr in SHORT_VRS and not as_text:
            data = data[: start + 4] + vr.encode() + data[start + 6 :]
    return data


_PLACEHOLDER = "X" * len(SECRET)
_OWN_VALUES = {
    "TransferSyntaxUID": "1.2.840.10008.1.2.1",
    "MediaStorageSOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
    "SpecificCharacterSet": "ISO_IR 100",
}
"""What pydicom writes nothing without; the text takes its place."""


def dicom_files() -> dict[str, bytes]:
    keywords = [name for name in (*dicom._ALLOWED_TAGS, *MORE_TAGS) if name != "PixelData"]
    files = {f"{name}-{as_text:d}": with_texts(name, as_text=as_text) for name in keywords for as_text in (False, True)}
    texts = [name for name in keywords if dictionary_VR(name) in ("LO", "SH", "PN", "LT", "CS", "ST", "AE")]
    described = [
        name for name in texts if name not in ("Modality", "PhotometricInterpretation", "SpecificCharacterSet")
    ]
    files["all"] = with_texts(*described, as_text=False)
    return files


def png_files() -> dict[str, bytes]:
    told = PngImagePlugin.PngInfo()
    told.add_text("Title", SECRET)
    told.add_itxt(SECRET, SECRET)
    picture = Image.fromarray(ramp())
    whole = encode(picture, "PNG", pnginfo=told, exif=exif())
    chunk = struct.pack(">I", 4) + b"ZAUBabcd"
    bad_sum, good_sum = b"\0\0\0\0", struct.pack(">I", zlib.crc32(b"ZAUBabcd"))
    return {
        "told": whole,
        "wrong-sum": whole[:33] + chunk + bad_sum + whole[33:],
        "unknown-chunk": whole[:33] + chunk + good_sum + whole[33:],
        "critical-last": whole[:-12] + chunk + good_sum + whole[-12:],
        "cut": whole[:-30],
        "bad-header": whole[:16] + SECRET.encode()[:13] + whole[29:],
        "trailing": whole + SECRET.encode(),
        "nothing-but": SECRET.encode() * 400,
    }


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = made[0x010F] = made[0x013B] = SECRET  # ImageDescription, Make, Artist.
    return made


def jpeg_files() -> dict[str, bytes]:
    whole = encode(ramp(), "JPEG", comment=SECRET.encode(), exif=exif())
    no_exif = whole.replace(b"MM\0*", b"ZAUB").replace(b"II*\0", b"ZAUB")
    return {"told": whole, "cut": whole[: len(whole) // 2], "no-exif": no_exif}


def nifti_files() -> dict[str, bytes]:
    data = nifti_bytes()
    header = bytearray(data[:348])
    for start, size in (
        (4, 10),
        (14, 18),
        (148, 80),
        (228, 24),
        (328, 16),
    ):  # data_type, db_name, descrip, aux, intent.
        header[start : start + size] = SECRET.encode().ljust(size, b" ")[:size]
    told = bytes(header) + data[348:]
    packed = io.BytesIO()
    with gzip.GzipFile(SECRET, "wb", fileobj=packed) as file:
        file.write(told)
    return {
        "told": told,
        "packed": packed.getvalue(),
        "cut": told[:-9],
        "sform": told[:280] + SECRET.encode() + told[294:],
        "quaternion": told[:252] + SECRET.encode() + told[266:],
    }


SIDECAR = (
    "PatientName", "SeriesDescription", "ProtocolName", "ContrastBolusIngredient", "EchoTime", "RepetitionTime",
    "ScanningSequence", "Manufacturer", "Modality", "ImageType",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Class folders that hold a file for each place of a text, and sound pictures."""
    root = tmp_path_factory.mktemp("texts") / "data"
    (root / "no_gad").mkdir(parents=True)
    (root / "with_gad").mkdir()
    kinds = {"dcm": dicom_files(), "png": png_files(), "jpg": jpeg_files(), "nii": nifti_files()}
    for extension, files in kinds.items():
        for name, data in files.items():
            (root / "no_gad" / f"{name}.{extension}").write_bytes(data)
            (root / "no_gad" / f"{name}-{extension}").write_bytes(data)  # Whose name promises nothing.
    (root / "no_gad" / "told.json").write_text(json.dumps(dict.fromkeys(SIDECAR, SECRET)))
    (root / "no_gad" / "notes.tiff").write_bytes(encode(ramp(), "TIFF", description=SECRET))
    rng = np.random.default_rng(0)
    for number in range(6):
        picture = encode(rng.integers(0, 256, (60, 60), np.uint8), "PNG")
        (root / ("with_gad", "no_gad")[number % 2] / f"sound-{number}.png").write_bytes(picture)
    return root


def told(result, *folders):
    """Returns all that a command said and wrote."""
    said = [result.stdout.encode(errors="surrogateescape"), result.stderr.encode(errors="surrogateescape")]
    return b"\n".join([*said, *(path.read_bytes() for each in folders for path in each.rglob("*") if path.is_file())])


def secrets_in(content: bytes) -> list[bytes]:
    return [line for line in content.lower().splitlines() if any(word in line for word in WORDS)]


@pytest.mark.slow
@pytest.mark.parametrize("output", ["p.csv", "p.jsonl"])
def test_predict_repeats_no_text(folder, tmp_path, output):
    flags = [f"--output={tmp_path}/{output}", f"--report={tmp_path}/page.html", "--num_workers=1"]
    result = run("predict", folder, *flags, "--slice_range=0,1")
    assert result.returncode == 65, result.stderr
    assert "damaged files" in result.stderr
    assert not secrets_in(told(result, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["skip", "fail"])
def test_make_records_repeats_no_text(folder, tmp_path, mode):
    flags = [f"--train_dir={folder}", f"--output_dir={tmp_path}/records", f"--on_bad_image={mode}", "--image_size=64"]
    result = run("make_records", *flags, "--num_workers=1")
    assert result.returncode == {"skip": 0, "fail": 65}[mode], result.stderr
    assert not secrets_in(told(result, tmp_path))
