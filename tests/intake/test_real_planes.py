"""A real volume as an axial and as a coronal DICOM series is cut as the volume itself is."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from image_files import dicom_bytes

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.model import pretrained
from contrast_tfdata.scoring import file_scores, inputs
from contrast_tfdata.scoring.answerer import Answerer

PLANES = {"axial": (2, (0, 1)), "coronal": (1, (0, 2))}
"""By plane the axis that is cut across, and those along a slice's rows and columns."""


def write_series(volume, affine, plane, folder):
    """Writes stored voxels, with axes to the right, the front and the head, as slices of a plane."""
    across, (row, column) = PLANES[plane]
    to_left_back = np.diag([-1, -1, 1, 1.0]) @ affine
    spacing = np.linalg.norm(to_left_back[:3, :3], axis=0)
    directions = to_left_back[:3, :3] / spacing
    low, high = float(volume.min()), float(volume.max())
    slope = (high - low) / 60000
    stored = np.rint((volume - low) / slope).astype(np.uint16)
    for number in range(volume.shape[across]):
        corner = to_left_back @ np.append(np.eye(3)[across] * number, 1)
        content = dicom_bytes(
            np.ascontiguousarray(stored.take(number, axis=across).T),
            ImageOrientationPatient=[f"{each:.8g}" for each in (*directions[:, row], *directions[:, column])],
            ImagePositionPatient=[f"{each:.8g}" for each in corner[:3]],
            PixelSpacing=[f"{spacing[column]:.8g}", f"{spacing[row]:.8g}"],
            RescaleSlope=f"{slope:.10g}",
            RescaleIntercept=f"{low:.10g}",
            SOPInstanceUID=f"1.2.{number}",
        )
        (folder / f"{number:03d}.dcm").write_bytes(content)


def logits_of(answerer, place):
    found = inputs.find_inputs([str(place)], max_bytes=1 << 30)
    options = file_scores.ScoringOptions(answerer.preprocessing, SliceSelection.parse("1/3,2/3", 12))
    with Workers(1) as workers:
        scores = file_scores.score_files(found, answerer.predictor(), options, workers, lambda *_: None)
    (verdict,) = scores.verdicts(answerer.choices)
    return scores.predictions.logit, verdict


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif("CONTRAST_REAL_DATA" not in os.environ, reason="CONTRAST_REAL_DATA names no folder of real images")
@pytest.mark.parametrize(
    ("name", "plane"),
    [("nifti/with_gad/openms19.nii.gz", "axial"), ("nifti_healthy/ds002748-sub-67.nii.gz", "coronal")],
)
def test_the_same_slices_whatever_plane_it_is_stored_in(tmp_path, name, plane):
    answerer, path = Answerer.of_runs(pretrained.NAME), Path(os.environ["CONTRAST_REAL_DATA"]) / name
    assert answerer.preprocessing == Preprocessing()
    image = nibabel.as_closest_canonical(nibabel.load(path))
    write_series(image.get_fdata(dtype=np.float32), image.affine, plane, tmp_path)
    (expected, of_volume), (found, of_series) = (logits_of(answerer, each) for each in (path, tmp_path))
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert of_series.verdict == of_volume.verdict
    assert of_series.stack.kind.plane == plane
