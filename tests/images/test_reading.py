import collections
import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzz_images import outcome
from image_files import EXAMPLES, dicom_bytes, encode, ramp

from contrast_tfdata.images import dicom, nifti, raster
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import RejectedImageError, Slice

REAL = pytest.mark.skipif("CONTRAST_REAL_DATA" not in os.environ, reason="CONTRAST_REAL_DATA names no folder")


@pytest.mark.parametrize(
    ("name", "image_format", "num_slices"),
    [("png", "png", 1), ("jpeg", "jpeg", 1), ("dicom", "dicom", 1), ("nifti_gz", "nifti", 17)],
)
def test_scan_tells_format_and_number_of_slices(name, image_format, num_slices):
    facts = scan(EXAMPLES[name])
    assert (facts.format, facts.num_slices, len(facts.sha256)) == (image_format, num_slices, 32)


def test_scan_of_a_dicom_file():
    facts = scan(EXAMPLES["dicom"])
    assert (facts.patient_id, facts.study_uid, facts.series_uid) == ("patient-7", "1.2", "1.2.3")
    assert facts.frames[0].position == 12.5


def test_one_slice_carries_the_index_given():
    for name in ("png", "dicom"):
        assert read(EXAMPLES[name], scan(EXAMPLES[name]), [4])[0].index == 4


def test_slices_come_in_the_order_asked_for():
    facts = scan(EXAMPLES["nifti"])
    assert [image.index for image in read(EXAMPLES["nifti"], facts, [9, 2, 5])] == [9, 2, 5]
    assert read(EXAMPLES["nifti"], facts, []) == []


@pytest.mark.parametrize(("name", "indices"), [("png", []), ("dicom", [0, 1]), ("nifti", [17]), ("nifti", [-1])])
def test_indices_that_do_not_fit_are_a_callers_error(name, indices):
    with pytest.raises(ValueError, match="Received: indices="):
        read(EXAMPLES[name], scan(EXAMPLES[name]), indices)


def test_bytes_that_changed_since_the_scan():
    with pytest.raises(RejectedImageError) as caught:
        read(encode(255 - ramp(), "PNG"), scan(EXAMPLES["png"]), [0])
    assert caught.value.code == "changed"


def test_messages_do_not_quote_tags():
    data = EXAMPLES["dicom"].replace(b"patient-7 ", b"Secret\\Name")[:-1]
    assert "Secret" not in str(outcome(data))
    broken = dicom_bytes().replace(b"0.5\\0.75", b"Secret\\x")
    with pytest.raises(RejectedImageError) as caught:
        scan(broken)
    assert caught.value.code == "corrupt"
    assert "Secret" not in str(caught.value)


def test_damaged_jpegs_of_real_slices(real_data):
    for path in sorted(real_data.glob("jpeg/*/*.jpg"))[::9]:
        data = bytearray(path.read_bytes())
        assert outcome(bytes(data)) == "read"
        assert outcome(bytes(data[: len(data) // 2]) + b"\xff\xd9") in ("corrupt", "truncated"), path.name
        data[len(data) // 2 : len(data) // 2 + 500] = bytes(500)
        assert outcome(bytes(data)) in ("corrupt", "truncated"), path.name


@pytest.mark.parametrize("image_format", ["GIF", "BMP", "WEBP", "TIFF", "JPEG2000", "PCX", "ICO", "TGA", "PPM", "PDF"])
def test_no_decoder_sees_other_formats(monkeypatch, image_format):
    def fail(*_):
        raise AssertionError("a decoder was called")

    data = encode(ramp(), image_format)
    for owner, name in (
        (raster, "check_header"),
        (raster, "read_picture"),
        (dicom, "read_header"),
        (nifti, "read_header"),
    ):
        monkeypatch.setattr(owner, name, fail)
    with pytest.raises(RejectedImageError) as caught:
        scan(data)
    assert caught.value.code == "unsupported_format"


def test_rejection_survives_pickling():
    error = pickle.loads(pickle.dumps(RejectedImageError("truncated", "12 of 40 bytes")))
    assert (error.code, error.detail, str(error)) == ("truncated", "12 of 40 bytes", "truncated: 12 of 40 bytes")


def test_facts_and_slices_survive_pickling():
    facts = scan(EXAMPLES["dicom"])
    assert pickle.loads(pickle.dumps(facts)) == facts == dataclasses.replace(facts)
    image = pickle.loads(pickle.dumps(Slice(ramp(), 3)))
    np.testing.assert_array_equal(image.pixels, ramp())


def test_importing_needs_no_heavy_package():
    code = (
        "import sys, contrast_tfdata.images.reading, contrast_tfdata.intake.files, contrast_tfdata.intake.selection, "
        "contrast_tfdata.images.preprocessing; "
        "print([m for m in ('tensorflow', 'keras', 'pydicom', 'nibabel', 'nilearn', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.real
@REAL
def test_real_bad_pictures():
    root = Path(os.environ.get("CONTRAST_REAL_DATA", "")) / "bad" / "image"
    outcomes = {path.name: outcome(path.read_bytes()) for path in sorted(root.iterdir())}
    for path, code in outcomes.items():
        if path.endswith((".gif", ".bmp")):
            assert code == "unsupported_format", path
    counts = collections.Counter(outcomes.values())
    assert counts["read"] == 11
    assert counts["animated"] == 4 + (outcomes["apng_blend_op_over.png"] == "animated")
    assert counts["too_small"] == 3
    assert outcomes["broken.png"] == "truncated"
    assert outcomes["broken_data_stream.png"] == outcomes["png_decompression_dos.png"] == "corrupt"
    assert outcomes["pil_sample_cmyk.jpg"] == "unsupported_mode"
    assert outcomes["jpeg_ff00_header.jpg"] == outcomes["junk_jpeg_header.jpg"] == "corrupt"
    assert outcomes["sugarshack_bad_mpo_header.jpg"] == "trailing_data"  # A second picture.
    assert outcomes["tRNS_null_1x1.png"] == "trailing_data"  # A line feed.


@pytest.mark.real
@REAL
def test_real_bad_dicom():
    root = Path(os.environ.get("CONTRAST_REAL_DATA", "")) / "bad" / "dicom"
    outcomes = {path.name: outcome(path.read_bytes()) for path in sorted(root.glob("*.dcm"))}
    counts = collections.Counter(outcomes.values())
    assert counts["not_mr"] == 8
    assert counts["read"] == 9  # Not one of them is sagittal; that is for the stack to say.
    planes = {
        scan(path.read_bytes()).kind.plane for path in sorted(root.glob("*.dcm")) if outcomes[path.name] == "read"
    }
    assert "sagittal" not in planes
    assert outcomes["MR_truncated.dcm"] == "truncated"
    assert outcomes["rtplan.dcm"] == "no_pixels"


@pytest.mark.real
@REAL
def test_real_slices_are_read_and_scaled():
    root = Path(os.environ.get("CONTRAST_REAL_DATA", ""))
    paths = [*sorted(root.glob("jpeg/*/*.jpg"))[::6], *sorted(root.glob("nifti/*/*.nii.gz"))[::2]]
    assert len(paths) > 30
    for path in paths:
        data = path.read_bytes()
        facts = scan(data)
        pixels = Preprocessing()(read(data, facts, [facts.num_slices // 2])[0])
        foreground = pixels[pixels > 30]
        assert 170 <= np.percentile(foreground, 99) <= 230, path.name  # 200 before resizing.
        assert 0.05 < foreground.size / pixels.size < 0.95, path.name


@pytest.mark.real
@REAL
def test_real_thick_slices_keep_their_proportions():
    path = Path(os.environ.get("CONTRAST_REAL_DATA", "")) / "nifti" / "no_gad" / "TCGA-FG-6692.nii.gz"
    image = read(path.read_bytes(), scan(path.read_bytes()), [128])[0]
    assert image.pixels.shape == (26, 224)
    assert image.spacing == pytest.approx((5.5, 0.898), abs=1e-3)
    rows = np.flatnonzero(Preprocessing()(image).max(axis=1))
    assert rows[-1] - rows[0] + 1 == pytest.approx(331 * 26 * 5.5 / (224 * 0.898), abs=2)
