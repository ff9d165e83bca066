import gzip
import itertools

import nibabel
import numpy as np
import pytest
from image_files import nifti_bytes, volume

from contrast_tfdata.images import nifti
from contrast_tfdata.images.reading import read, scan
from contrast_tfdata.images.slices import RejectedImageError

VOXELS = volume()


def code_of(data: bytes) -> str:
    with pytest.raises(RejectedImageError) as caught:
        read(data, scan(data), [0])
    return caught.value.code


def edited(**fields) -> bytes:
    """Returns a volume with other header fields, written into its bytes."""
    data = nifti_bytes()
    header = nibabel.Nifti1Header(data[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + data[348:]


def test_slices_are_head_up_and_nose_left():
    image = nifti.read_slices(nifti_bytes(), [7])[0]
    assert image.pixels.dtype == np.float32
    assert image.pixels.shape == (18, 24)
    assert image.pixels[0, 0] == VOXELS[7, 23, 17]  # Top left: front and head.
    assert image.pixels[-1, -1] == VOXELS[7, 0, 0]  # Bottom right: back and feet.
    assert image.pixels[-1, 0] == VOXELS[7, 23, 0]


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", list(itertools.product([1, -1], repeat=3)))
def test_every_stored_orientation_gives_the_same_slices(axes, signs):
    spacing = (3.0, 0.5, 0.75)
    canonical = nibabel.Nifti1Image(VOXELS, np.diag([*spacing, 1]))
    turned = canonical.as_reoriented([[axes.index(axis), signs[axis]] for axis in range(3)])
    data = turned.to_bytes()
    facts, images = scan(data), nifti.read_slices(data, [2, 11])
    assert facts.num_slices == 20
    for image in images:
        np.testing.assert_array_equal(image.pixels, VOXELS[image.index, ::-1, ::-1].T)
        assert image.spacing == pytest.approx((0.75, 0.5))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_kind_of_file_gives_the_same_slices(version, big_endian, compressed):
    data = nifti_bytes(version=version, big_endian=big_endian, compressed=compressed)
    assert nifti.read_header(data).grid.shape == (20, 24, 18)
    np.testing.assert_array_equal(nifti.read_slices(data, [5])[0].pixels, VOXELS[5, ::-1, ::-1].T)


def test_oblique_volume_is_not_resampled():
    tilt = nibabel.eulerangles.euler2mat(0.1, 0.05, 0.08) @ np.diag([0.9, 0.9, 5.5])
    image = nifti.read_slices(nifti_bytes(affine=nibabel.affines.from_matvec(tilt)), [4])[0]
    np.testing.assert_array_equal(image.pixels, VOXELS[4, ::-1, ::-1].T)
    assert image.spacing == pytest.approx((5.5, 0.9), abs=1e-5)


def test_scale_of_the_header_is_applied():
    data = edited(scl_slope=0.5, scl_inter=10)
    np.testing.assert_array_equal(nifti.read_slices(data, [3])[0].pixels, VOXELS[3, ::-1, ::-1].T * 0.5 + 10)


def test_trailing_singleton_axes_are_accepted():
    image = nifti.read_slices(nifti_bytes(VOXELS[..., np.newaxis]), [3])[0]
    np.testing.assert_array_equal(image.pixels, VOXELS[3, ::-1, ::-1].T)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_anywhere_in_the_volume(value):
    voxels = VOXELS.astype(np.float32)
    voxels[19, 3, 3] = value
    assert code_of(nifti_bytes(voxels)) == "not_finite"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (nifti_bytes(np.zeros((20, 20, 20, 3), np.int16)), "not_3d"),
        (nifti_bytes(np.zeros((20, 20), np.int16)), "not_3d"),
        (nifti_bytes(np.zeros((20, 20, 20), np.complex64)), "colour"),
        (nifti_bytes(np.zeros((20, 8, 20), np.int16)), "too_small"),
        (nifti_bytes()[:-1], "truncated"),
        (edited(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]), "too_large"),
        (edited(dim=[3, 1024, 1024, 200, 1, 1, 1, 1], datatype=2, bitpix=8), "too_large"),
        (edited(vox_offset=2e9), "too_large"),
        (edited(dim=[3, -4, 24, 18, 1, 1, 1, 1]), "corrupt"),
        (edited(srow_x=[np.nan, 0, 0, 0]), "corrupt"),
        (edited(srow_x=[0, 0, 0, 0]), "corrupt"),
        (edited(srow_x=[1e30, 0, 0, 0]), "bad_spacing"),
        (edited(datatype=77), "corrupt"),
        (edited(vox_offset=0), "corrupt"),
        (edited(sform_code=6), "corrupt"),
        (edited(qform_code=-1), "corrupt"),
        (edited(vox_offset=np.nan), "corrupt"),
    ],
)
def test_defined_rules(data, code):
    assert code_of(data) == code


def test_unknown_orientation_is_a_warning():
    assert scan(edited(qform_code=0, sform_code=0)).warnings == ("plane_unknown",)
    assert scan(nifti_bytes()).warnings == ()


def test_truncated_gzip():
    whole = nifti_bytes(compressed=True)
    codes = {code_of(whole[:-cut]) for cut in (1, 4, 8, 9, 100, len(whole) // 2)}
    assert codes == {"truncated"}


def test_wrong_gzip_checksum():
    data = bytearray(nifti_bytes(compressed=True))
    data[-6] ^= 1
    assert code_of(bytes(data)) == "corrupt"


def test_several_gzip_members():
    raw = nifti_bytes()
    data = gzip.compress(raw[:5000]) + gzip.compress(raw[5000:])
    np.testing.assert_array_equal(nifti.read_slices(data, [5])[0].pixels, VOXELS[5, ::-1, ::-1].T)


def test_bomb_behind_a_volume_is_not_inflated():
    bomb = gzip.compress(nifti_bytes() + bytes(200_000_000), compresslevel=1)
    parts = nifti._decompressed(bomb, len(nifti_bytes()), whole=True)
    assert len(parts) < len(nifti_bytes()) + 100_000


@pytest.mark.parametrize(
    ("qform_code", "sform_code", "warnings"),
    [(0, 0, ("plane_unknown",)), (1, 0, ()), (0, 1, ()), (5, 5, ())],
    ids=["neither", "qform alone", "sform alone", "both, the last that NIfTI defines"],
)
def test_one_code_is_enough_to_know_the_plane(qform_code, sform_code, warnings):
    assert scan(edited(qform_code=qform_code, sform_code=sform_code)).warnings == warnings


@pytest.mark.parametrize("name", ["qform_code", "sform_code"])
@pytest.mark.parametrize("value", [-1, 6])
def test_a_code_that_nifti_does_not_define_is_refused(name, value):
    with pytest.raises(RejectedImageError, match=f"{name} is {value}, which NIfTI does not define") as caught:
        nifti.read_header(edited(**{name: value}))
    assert caught.value.code == "corrupt"


def header_of(dim, dtype, vox_offset=352):
    """Returns what is read from the header alone of a compressed volume: none of its voxels is there."""
    data = gzip.compress(edited(dim=[3, *dim, 1, 1, 1, 1], **dtype, vox_offset=vox_offset)[:1024])
    try:
        return nifti.read_header(data).data_bytes
    except RejectedImageError as error:
        return error.code


BYTES, DOUBLES = {"datatype": 2, "bitpix": 8}, {"datatype": 64, "bitpix": 64}


@pytest.mark.parametrize(
    ("dim", "dtype", "vox_offset", "expected"),
    [
        ((512, 512, 512), BYTES, 352, 512**3 + 352),
        ((513, 512, 512), BYTES, 352, "too_large"),
        ((512, 512, 512), DOUBLES, 1 << 20, (1 << 30) + (1 << 20)),
        ((512, 512, 512), DOUBLES, (1 << 20) + 16, "too_large"),
    ],
)
def test_the_largest_volume_that_is_read(dim, dtype, vox_offset, expected):
    assert header_of(dim, dtype, vox_offset) == expected


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"dim": [3, 0, 24, 18, 1, 1, 1, 1]}, "corrupt"),
        ({"dim": [4, 20, 24, 18, 0, 1, 1, 1]}, "not_3d"),
        ({"dim": [7, 20, 24, 18, 1, 1, 1, 2]}, "not_3d"),
        ({"datatype": 1536, "bitpix": 128}, "colour"),  # Floats of 128 bits.
        ({"vox_offset": 351}, "corrupt"),  # The header and the four bytes after it are 352.
    ],
)
def test_headers_just_outside_of_what_is_read(fields, code):
    with pytest.raises(RejectedImageError) as caught:
        nifti.read_header(edited(**fields))
    assert caught.value.code == code


@pytest.mark.parametrize(("slope", "intercept", "gain"), [(1, 7, 1), (0.5, 0, 0.5), (0, 7, 1), (np.nan, 7, 1)])
def test_slope_and_intercept_each_count_alone_and_no_slope_scales_nothing(slope, intercept, gain):
    pixels = nifti.read_slices(edited(scl_slope=slope, scl_inter=intercept), [3])[0].pixels
    added = intercept if slope == 1 else 0
    np.testing.assert_array_equal(pixels, VOXELS[3, ::-1, ::-1].T * gain + added)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64])
def test_voxels_of_8_and_64_bits(dtype):
    voxels = (VOXELS % 256).astype(dtype)
    np.testing.assert_array_equal(nifti.read_slices(nifti_bytes(voxels), [3])[0].pixels, voxels[3, ::-1, ::-1].T)


def test_voxels_may_begin_after_a_gap():
    data = edited(vox_offset=368)
    data = data[:352] + bytes(16) + data[352:]
    assert nifti.read_header(data).data_bytes == len(data)
    np.testing.assert_array_equal(nifti.read_slices(data, [3])[0].pixels, VOXELS[3, ::-1, ::-1].T)
    assert code_of(data[:-1]) == "truncated"


@pytest.mark.parametrize("padding", [0, 1, 1000, 65535])
def test_the_checksum_is_reached_over_padding(padding):
    whole = gzip.compress(nifti_bytes() + bytes(padding))
    assert nifti.read_slices(whole, [3])[0].pixels.shape == (18, 24)
    damaged = bytearray(whole)
    damaged[-6] ^= 1
    assert (code_of(whole[:-1]), code_of(bytes(damaged))) == ("truncated", "corrupt")


@pytest.mark.parametrize("cuts", [[], [600], [300, 900], [2000]])
def test_no_more_than_the_head_is_decompressed_for_the_header(cuts):
    raw = nifti_bytes()
    data = b"".join(gzip.compress(raw[start:end]) for start, end in itertools.pairwise([0, *cuts, len(raw)]))
    assert nifti._decompressed(data, 1024) == raw[:1024]
    whole = b"".join([data, gzip.compress(bytes(1_000_000))])
    assert len(nifti._decompressed(whole, len(raw), whole=True)) == len(raw) + 65536


def turned(voxels, spacing=(3.0, 0.5, 0.75)):
    """Returns a volume that is stored from the back, from above and from the right, with its affine."""
    canonical = nibabel.Nifti1Image(voxels, np.diag([*spacing, 1]))
    image = canonical.as_reoriented([[2, -1], [0, -1], [1, -1]])
    return np.asarray(image.dataobj), image.affine


def with_forms(sform_code=1, qform_code=1, **fields) -> bytes:
    """Returns the turned volume, where both forms say how it lies, with other header fields."""
    voxels, affine = turned(VOXELS)
    image = nibabel.Nifti1Image(voxels, affine, dtype=voxels.dtype)
    image.set_sform(affine, sform_code)
    image.set_qform(affine, qform_code)
    data = image.to_bytes()
    header = nibabel.Nifti1Header(data[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + data[348:]


def edited_sizes(**positions):
    """Returns pixdim with other values at some positions, as in `at_0=0`."""
    sizes = nibabel.Nifti1Header(with_forms()[:348], check=False)["pixdim"].copy()
    for name, value in positions.items():
        sizes[int(name.removeprefix("at_"))] = value
    return sizes


NO_NUMBERS = {name: [np.nan] * 4 for name in ("srow_x", "srow_y", "srow_z")}
NO_LENGTHS = {name: [0] * 4 for name in ("srow_x", "srow_y", "srow_z")}
NO_OFFSETS = {f"qoffset_{axis}": np.nan for axis in "xyz"}


def test_the_volume_that_both_forms_describe_lies_otherwise_than_it_is_stored():
    assert nibabel.Nifti1Header(with_forms()[:348], check=False)["pixdim"][0] == -1
    assert nibabel.aff2axcodes(nifti_affine(with_forms())) == ("P", "I", "L")


def nifti_affine(data):
    return nibabel.Nifti1Image.from_bytes(data).affine


@pytest.mark.parametrize(
    "data",
    [
        with_forms(),
        with_forms(sform_code=0),
        with_forms(qform_code=0),
        with_forms(**NO_LENGTHS),
        with_forms(**NO_NUMBERS),
        with_forms(srow_z=[0, 0, 0, 0]),
        with_forms(srow_x=[1e30, 0, 0, 0]),
        with_forms(srow_x=[*nifti_affine(with_forms())[0, :3], np.nan]),
        with_forms(quatern_b=np.nan),
        with_forms(quatern_b=9),
        with_forms(sform_code=0, **NO_OFFSETS),
        with_forms(pixdim=edited_sizes(at_0=0, at_1=0, at_2=np.nan, at_3=-3)),
        with_forms(sform_code=0, pixdim=edited_sizes(at_1=-0.5, at_3=-3)),
        with_forms(sform_code=0, pixdim=edited_sizes(at_0=-7)),
    ],
    ids=[
        "both", "qform alone", "sform alone", "zero sform", "sform of NaN", "half an sform", "sform of light years",
        "sform without a place", "qform of NaN", "no rotation", "qform without a place", "no voxel sizes",
        "negative voxel sizes", "another negative qfac",
    ],
)  # fmt: skip
def test_one_sound_form_is_enough(data):
    (image,) = nifti.read_slices(data, [7])
    np.testing.assert_array_equal(image.pixels, VOXELS[7, ::-1, ::-1].T)
    assert image.spacing == pytest.approx((0.75, 0.5))
    assert scan(data).warnings == ()


@pytest.mark.parametrize("length", [1 - 3e-7, 1, 1 + 1e-6, 1.0002, 1.04])
@pytest.mark.parametrize("axis", "bcd")
def test_a_half_turn_whose_quaternion_was_rounded(length, axis):
    """A fourth number that is nearly 0 is 0 (nifti1_io.c): the half turn leaves its own axis and mirrors the others."""
    quaternion = {f"quatern_{name}": np.sqrt(length) if name == axis else 0 for name in "bcd"}
    data = edited(qform_code=1, sform_code=0, **quaternion)
    mirrored = tuple(number for number, name in enumerate("bcd") if name != axis)
    expected = np.flip(VOXELS, mirrored)[5, ::-1, ::-1].T
    np.testing.assert_array_equal(nifti.read_slices(data, [5])[0].pixels, expected)


@pytest.mark.parametrize("qfac", [0, 1, np.nan])
def test_qfac_that_is_not_negative_is_one(qfac):
    sizes = np.array([qfac, 1, 1, 1, 0, 0, 0, 0], np.float32)
    data = edited(qform_code=1, sform_code=0, pixdim=sizes)
    np.testing.assert_array_equal(nifti.read_slices(data, [5])[0].pixels, VOXELS[5, ::-1, ::-1].T)


@pytest.mark.parametrize("sizes", [[0, 0, 0], [1, 0, np.nan], [-1, -1, -1]])
def test_voxel_sizes_that_say_nothing_are_one_where_nothing_else_says_them(sizes):
    for codes in ({"qform_code": 0, "sform_code": 0}, {"qform_code": 1, "sform_code": 0}):
        data = edited(pixdim=[1, *sizes, 0, 0, 0, 0], **codes)
        assert nifti.read_header(data).grid.spacing == (1, 1, 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (with_forms(qform_code=0, **NO_LENGTHS), "sform: the affine leaves out an axis"),
        (with_forms(sform_code=0, quatern_b=9), "qform: quatern_b, quatern_c and quatern_d are no rotation"),
        (with_forms(quatern_b=9, **NO_NUMBERS), "sform: the affine holds NaN or infinity"),
        (edited(datatype=77), "datatype is 77, which NIfTI does not define"),
        (edited(vox_offset=np.nan), "vox_offset is no number"),
    ],
)
def test_what_is_to_be_mended_is_named(data, said):
    with pytest.raises(RejectedImageError, match=said) as caught:
        nifti.read_header(data)
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize("intercept", [np.nan, np.inf])
def test_an_intercept_that_is_no_number_is_none(intercept):
    pixels = nifti.read_slices(edited(scl_slope=0.5, scl_inter=intercept), [3])[0].pixels
    np.testing.assert_array_equal(pixels, VOXELS[3, ::-1, ::-1].T * 0.5)


@pytest.mark.real
def test_real_volumes_lie_as_nibabel_says(real_data):
    paths = sorted(real_data.rglob("*.nii.gz"))
    assert len(paths) > 15
    for path in paths:
        grid = nifti.read_header(path.read_bytes()).grid
        affine = nibabel.load(path).affine
        np.testing.assert_array_equal(grid.orientation, nibabel.io_orientation(affine))
        order = np.argsort(grid.orientation[:, 0])
        assert grid.spacing == pytest.approx(np.linalg.norm(affine[:3, :3], axis=0)[order], rel=1e-4)
