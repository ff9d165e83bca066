"""What names and sidecars of NIfTI volumes say about contrast agent."""

import json
import zipfile

import pytest
from image_files import nifti_bytes, volume

from contrast_tfdata.images.contrast_claims import Claim
from contrast_tfdata.scoring import inputs


def found_claims(root):
    found = inputs.find_inputs([str(root)], max_bytes=1 << 22)
    return {path.rpartition("/")[2]: claim for path, claim in found.claims.items()}, found


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("sub-01_T1w.nii.gz", Claim.SILENT),
        ("sub-01_ce-gadolinium_T1w.nii.gz", Claim.WITH_GAD),
        ("sub-01_ce-Gadovist_run-1_T1w.nii", Claim.WITH_GAD),
        ("ce-gad.NII", Claim.WITH_GAD),
        ("sub-01_ce-none_T1w.nii.gz", Claim.NO_GAD),
        ("sub-ce-gad_T1w.nii.gz", Claim.SILENT),
        ("sub-01_acq-ce_T1w.nii.gz", Claim.SILENT),
        ("sub-01_space-gad_T1w.nii.gz", Claim.SILENT),
    ],
)
def test_names(tmp_path, name, claim):
    (tmp_path / "ce-gadolinium_folder").mkdir()
    (tmp_path / "ce-gadolinium_folder" / name).write_bytes(b"")
    assert found_claims(tmp_path)[0] == {name: claim}


@pytest.mark.parametrize(
    ("fields", "claim"),
    [
        ({}, Claim.SILENT),
        ({"ContrastBolusIngredient": "GADOLINIUM"}, Claim.WITH_GAD),
        ({"ContrastBolusIngredient": "IODINE"}, Claim.SILENT),
        ({"ContrastBolusIngredient": ["GADOLINIUM"]}, Claim.SILENT),
        ({"SeriesDescription": "SAG_T1_PRE", "ProtocolName": "BRAIN + C"}, Claim.NO_GAD),
        ({"ProtocolName": "BRAIN + C"}, Claim.WITH_GAD),
        ({"SeriesDescription": "SAG T1 PRE", "ContrastBolusIngredient": "GADOLINIUM"}, Claim.CONTRADICTORY),
    ],
)
def test_sidecars(tmp_path, fields, claim):
    (tmp_path / "sub-01_T1w.nii.gz").write_bytes(b"")
    (tmp_path / "sub-01_T1w.json").write_text(json.dumps(fields))
    claims, found = found_claims(tmp_path)
    assert claims == {"sub-01_T1w.nii.gz": claim}
    assert list(found.units) == [f"{tmp_path}/sub-01_T1w.nii.gz"]


def test_sidecars_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/sub-01_T1w.nii", nifti_bytes(volume()))
        archive.writestr("x/sub-01_T1w.json", '{"ContrastBolusIngredient": "GADOLINIUM"}')
    assert found_claims(tmp_path / "a.zip")[0] == {"sub-01_T1w.nii": Claim.WITH_GAD}


def test_a_name_against_its_sidecar(tmp_path):
    (tmp_path / "ce-gad_T1w.nii").write_bytes(b"")
    (tmp_path / "ce-gad_T1w.json").write_text('{"SeriesDescription": "T1 nativ"}')
    assert found_claims(tmp_path)[0] == {"ce-gad_T1w.nii": Claim.CONTRADICTORY}


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"\xff\xfe", b"[" * 100_000, b"{" + b" " * (1 << 20) + b"}"], ids=range(5)
)
def test_what_is_no_sidecar_stays_a_file_that_cannot_be_used(tmp_path, content):
    (tmp_path / "a.nii").write_bytes(b"")
    (tmp_path / "a.json").write_bytes(content)
    (tmp_path / "other.json").write_text("{}")
    claims, found = found_claims(tmp_path)
    assert claims == {"a.nii": Claim.SILENT}
    assert [path.rpartition("/")[2] for path in found.units] == ["a.json", "a.nii", "other.json"]


@pytest.mark.parametrize(("size", "claim"), [(1 << 20, Claim.WITH_GAD), ((1 << 20) + 1, Claim.SILENT)])
def test_a_sidecar_of_one_mebibyte_is_read(tmp_path, size, claim):
    (tmp_path / "a.nii").write_bytes(b"")
    (tmp_path / "a.json").write_bytes(b'{"ContrastBolusIngredient": "GADOLINIUM"}'.ljust(size))
    assert found_claims(tmp_path)[0]["a.nii"] is claim


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("sub-01_mask.nii.gz", True),
        ("sub-01_space-T1w_desc-brain_mask.nii.gz", True),
        ("sub-01_space-T1w_dseg.nii.gz", True),
        ("sub-01_label-GM_probseg.nii", True),
        ("sub-01_label-lesion_roi.nii.gz", True),
        ("mask.nii", True),
        ("sub-mask_T1w.nii.gz", False),
        ("sub-01_desc-mask_T1w.nii.gz", False),
        ("label-x_T1w.nii.gz", False),
        ("unmask.nii.gz", False),
    ],
)
def test_label_maps_by_their_names(tmp_path, name, is_one):
    (tmp_path / name).write_bytes(b"")
    (tmp_path / (name.partition(".")[0] + ".json")).write_text('{"ProtocolName": "T1 MPRAGE"}')
    found = inputs.find_inputs([str(tmp_path)], max_bytes=1 << 22)
    (kind,) = found.kinds.values()
    assert (kind.content, kind.sequence) == (("label_map", "unknown") if is_one else ("magnitude", "T1"))
