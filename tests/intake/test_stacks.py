"""Files to stacks: which slices are one acquisition, in which order, and what was done where headers are silent."""

import itertools
import random

import numpy as np
import pytest
from image_files import SAGITTAL, dicom_bytes

from contrast_tfdata.images import reading
from contrast_tfdata.images.slices import FileFacts
from contrast_tfdata.intake.files import FileRef
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.intake.stacks import assemble
from contrast_tfdata.intake.units import FileUnit

AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
_NUMBERS = itertools.count()


def scanned(tmp_path, name, pixels=None, **tags):
    """Writes a DICOM file and returns what `assemble` takes."""
    number = next(_NUMBERS)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((24, 32), number, np.uint16) if pixels is None else pixels
    path.write_bytes(dicom_bytes(pixels, **{"SOPInstanceUID": f"1.2.9.{number}", **tags}))
    unit = FileUnit(FileRef(str(tmp_path), name, path.stat().st_size), -1)
    return name, unit, unit.scan()


def series(tmp_path, count=9, folder="s", orientation=SAGITTAL, step=(-4.0, 0.0, 0.0), **tags):
    """Returns files of one series, in an order that says nothing."""
    files = [
        scanned(
            tmp_path,
            f"{folder}/{(7 * number) % count:02d}.dcm",
            **{
                "ImageOrientationPatient": orientation,
                "ImagePositionPatient": [number * each for each in step],
                "InstanceNumber": number + 1,
                **{name: value(number) if callable(value) else value for name, value in tags.items()},
            },
        )
        for number in range(count)
    ]
    return random.Random(3).sample(files, count)


def middle(stack):
    return [name for name, *_ in stack.chosen(SliceSelection())]


def only(assembled):
    (stack,) = assembled.stacks
    return stack


@pytest.mark.parametrize(
    ("tags", "note"),
    [
        ({}, ()),
        ({"ImagePositionPatient": None, "SliceLocation": 1}, ("ordered_by_number",)),
        ({"ImagePositionPatient": None}, ("ordered_by_number",)),
        ({"ImagePositionPatient": None, "ImageOrientationPatient": None}, ("ordered_by_number",)),
    ],
)
def test_slices_lie_in_the_order_of_positions_else_of_numbers(tmp_path, tags, note):
    stack = only(assemble(series(tmp_path, **tags)))
    assert stack.notes == note
    assert [facts.frames[0].number for _, _, facts in stack.parts] == list(range(1, 10))
    assert len(middle(stack)) == 3


def test_slice_location_stands_in_for_a_position(tmp_path):
    files = [
        scanned(
            tmp_path, f"{number}.dcm", ImagePositionPatient=None, SliceLocation=10.0 - number, InstanceNumber=number
        )
        for number in range(6)
    ]
    stack = only(assemble(files))
    assert stack.notes == ("ordered_by_location",)
    assert [name for name, *_ in stack.parts] == [f"{number}.dcm" for number in range(5, -1, -1)]


def test_names_order_what_nothing_else_does_and_that_is_said(tmp_path):
    files = [scanned(tmp_path, f"{name}.dcm", ImagePositionPatient=None) for name in "cab"]
    stack = only(assemble(files))
    assert stack.notes == ("ordered_by_name",)
    assert [name for name, *_ in stack.parts] == ["a.dcm", "b.dcm", "c.dcm"]


@pytest.mark.parametrize(
    "uid", [None, lambda number: f"1.2.7.1{number}.{next(_NUMBERS) + 1}"], ids=["none", "each its own"]
)
def test_files_without_a_series_are_one_by_folder_and_geometry(tmp_path, uid):
    uids = {"SeriesInstanceUID": uid} if uid else {"StudyInstanceUID": None, "SeriesInstanceUID": None}
    found = assemble([*series(tmp_path, folder="a", **uids), *series(tmp_path, folder="b", **uids)])
    assert [(stack.num_files, stack.notes) for stack in found.stacks] == [(9, ("joined",))] * 2


def test_three_localizers_are_not_joined(tmp_path):
    files = [
        scanned(tmp_path, f"{number}.dcm", SeriesInstanceUID=None, ImageOrientationPatient=orientation)
        for number, orientation in enumerate((SAGITTAL, CORONAL, AXIAL))
    ]
    assert len(assemble(files).stacks) == 3


@pytest.mark.parametrize(
    "tags",
    [
        {"AcquisitionNumber": 2},
        {"EchoTime": 30},
        {"TemporalPositionIdentifier": 2},
        {"InstanceNumber": None},
    ],
)
def test_what_repeats_positions_is_divided(tmp_path, tags):
    told = {"AcquisitionNumber": 1, "EchoTime": 10, "TemporalPositionIdentifier": 1}
    first = series(tmp_path, folder="a", **told)
    second = series(tmp_path, folder="b", **{**told, **tags})
    found = assemble([*first, *second])
    assert [stack.num_files for stack in found.stacks] == [9, 9]
    assert {stack.notes for stack in found.stacks} == {("divided",)}
    for stack in found.stacks:
        assert len({facts.frames[0].position for _, _, facts in stack.parts}) == 9


def test_an_acquisition_number_that_counts_slices_divides_nothing(tmp_path):
    files = [
        scanned(tmp_path, f"{number}.dcm", ImagePositionPatient=[number, 0, 0], AcquisitionNumber=number)
        for number in range(6)
    ]
    assert only(assemble(files)).notes == ()


def test_phase_images_are_left_out_and_counted(tmp_path):
    magnitude = series(tmp_path, folder="m", ImageType=["ORIGINAL", "PRIMARY", "M", "ND"])
    phase = series(tmp_path, folder="p", ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])
    found = assemble([*magnitude, *phase])
    assert only(found).num_files == 9
    assert [each.code for each in found.skipped] == ["phase"] * 9


def test_the_same_instance_counts_once_whatever_it_is_stored_in(tmp_path):
    files = series(tmp_path)
    name, unit, facts = files[0]
    again = scanned(
        tmp_path,
        "copy.dcm",
        np.full((24, 32), 999, np.uint16),
        SOPInstanceUID=facts.instance_uid,
        ImagePositionPatient=list(facts.frames[0].corner),
        InstanceNumber=int(facts.frames[0].number),
    )
    found = assemble([*files, again])
    assert (only(found).num_files, found.copies) == (9, 1)


def test_one_instance_number_for_all_files_is_nobodys(tmp_path):
    assert only(assemble(series(tmp_path, SOPInstanceUID="1.2.3"))).num_files == 9


def test_patients_and_studies_divide_one_series_number(tmp_path):
    files = []
    for number, (patient, study) in enumerate([("P1", "1"), ("P2", "1"), ("P2", "2"), ("ANON", "3"), ("0", "4")]):
        files += series(tmp_path, count=3, folder=str(number), PatientID=patient, StudyInstanceUID=study)
    assert [stack.num_files for stack in assemble(files).stacks] == [3] * 5


def test_numbers_of_a_patient_that_look_the_same_are_one_patients(tmp_path):
    names = ("P 1", "P  1 ", "P\u00a01")
    files = series(tmp_path, SpecificCharacterSet="ISO_IR 192", PatientID=lambda number: names[number % 3])
    assert only(assemble(files)).num_files == 9


def head(shape=(40, 36, 44)):
    """A volume of which every voxel differs, axes to the right, the front and the head."""
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def axial_files(tmp_path, volume, thickness=2.0, **tags):
    """Writes a volume as axial slices of 1.5 mm pixels, feet first."""
    return [
        scanned(
            tmp_path,
            f"ax/{number:02d}.dcm",
            np.ascontiguousarray(volume[::-1, ::-1, number].T),  # Columns run to the left, rows to the back.
            ImageOrientationPatient=AXIAL,
            ImagePositionPatient=[-30.0, -30.0, thickness * number],
            PixelSpacing=[1.5, 1.5],
            InstanceNumber=number + 1,
            **tags,
        )
        for number in range(volume.shape[2])
    ]


def test_a_thin_axial_series_is_cut_as_the_volume_is(tmp_path):
    volume = head()
    stack = only(assemble(axial_files(tmp_path, volume)))
    ((name, unit, facts, indices),) = stack.chosen(SliceSelection())
    assert (facts.num_slices, list(indices)) == (40, list(SliceSelection().indices(40)))
    for (_, image), index in zip(unit.read(facts, indices), indices, strict=True):
        np.testing.assert_array_equal(image.pixels, volume[index, ::-1, ::-1].T)
        assert image.spacing == pytest.approx((2.0, 1.5))


def test_a_coronal_series_is_cut_too(tmp_path):
    volume = head()
    files = [
        scanned(
            tmp_path,
            f"{number:02d}.dcm",
            np.ascontiguousarray(volume[::-1, number, ::-1].T),  # Columns run to the left, rows to the feet.
            ImageOrientationPatient=CORONAL,
            ImagePositionPatient=[0, -1.0 * number, 0],
            PixelSpacing=[1, 1],
        )
        for number in range(volume.shape[1])
    ]
    stack = only(assemble(files))
    ((_, unit, facts, _),) = stack.chosen(SliceSelection())
    ((_, image),) = unit.read(facts, [7])
    np.testing.assert_array_equal(image.pixels, volume[7, ::-1, ::-1].T)


@pytest.mark.parametrize("change", ["thick", "uneven", "few"])
def test_what_is_no_fine_volume_is_not_cut(tmp_path, change):
    files = axial_files(tmp_path, head(), thickness=5.0 if change == "thick" else 2.0)
    files = {"thick": files, "uneven": files[:20] + files[22:], "few": files[:3]}[change]
    assert only(assemble(files)).left_out() == "slices_too_thick"
    if change == "thick":
        assert only(assemble(files, always_reformat=True)).left_out() == ""


def test_thick_volumes_of_nifti_are_left_out_alike():
    facts = FileFacts(b"0" * 32, "nifti", 1, num_slices=9, is_thick=True)
    file = "v.nii", FileUnit(FileRef("/", "v.nii", 1), -1), facts
    assert only(assemble([file])).left_out() == "slices_too_thick"
    assert only(assemble([file], always_reformat=True)).left_out() == ""


def test_other_sequences_are_left_out_by_their_header(tmp_path):
    times = {"EchoTime": 120, "RepetitionTime": 9000, "InversionTime": 2500}
    stack = only(assemble(series(tmp_path, **times)))
    assert (stack.kind.sequence, stack.left_out()) == ("FLAIR", "not_t1")
    assert stack.left_out(any_sequence=True) == ""


def test_pictures_and_volumes_are_stacks_of_their_own():
    files = [
        (name, FileUnit(FileRef("/", name, 1), -1), FileFacts(bytes(32), kind, 1, num_slices=number))
        for name, kind, number in (("a.png", "png", 1), ("b.nii", "nifti", 9), ("c.png", "png", 1))
    ]
    found = assemble(files)
    assert [stack.name for stack in found.stacks] == ["a.png", "b.nii", "c.png"]
    chosen = [indices for stack in found.stacks for *_, indices in stack.chosen(SliceSelection())]
    assert chosen == [(0,), (3, 4, 5), (0,)]


def test_the_order_of_files_does_not_matter(tmp_path):
    files = [*series(tmp_path), *axial_files(tmp_path, head(), SeriesInstanceUID="1.2.77")]
    expected = {stack.file_names for stack in assemble(files).stacks}
    assert {stack.file_names for stack in assemble(reversed(files)).stacks} == expected


def test_a_changed_file_of_a_stack_is_noticed(tmp_path):
    stack = only(assemble(axial_files(tmp_path, head())))
    ((name, unit, facts, indices),) = stack.chosen(SliceSelection())
    path = tmp_path / "ax" / "05.dcm"
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(reading.RejectedImageError, match="changed"):
        unit.read(facts, indices)
