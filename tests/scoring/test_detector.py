"""Telling T1 from other sequences by the pictures: on synthetic patients, and on real volumes where they are."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from image_files import dicom_bytes

from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.phantom import PhantomOptions, generate_patient
from contrast_tfdata.scoring import file_scores, inputs
from contrast_tfdata.scoring.detector import SequenceDetector

PREPARE = Preprocessing()


@pytest.fixture(scope="module")
def detector():
    return SequenceDetector.for_slices(PREPARE.to_json())


def test_it_is_asked_only_of_slices_made_as_those_it_learned_from():
    assert SequenceDetector.for_slices(dataclasses.replace(PREPARE, intensity="stored").to_json()) is None


@pytest.mark.slow
def test_synthetic_patients_that_it_never_saw(detector):
    options = PhantomOptions(slices_per_class=1, other_sequences=True)
    patients = [generate_patient(4711, number, options) for number in range(24)]
    of_t1, of_others = (
        detector(np.stack([PREPARE(getattr(each, phase)[0]) for each in patients])) for phase in ("pre", "post")
    )
    assert np.mean(of_t1 < detector.threshold) > 0.9
    assert np.mean(of_others > detector.threshold) > 0.9


def test_its_weights_are_read_when_it_is_first_asked():
    detector = SequenceDetector.for_slices(PREPARE.to_json())
    assert 0 < detector.threshold < 5
    assert "_predict" not in vars(detector)
    detector(np.zeros((1, 331, 331), np.uint8))
    assert "_predict" in vars(detector)


def test_it_is_not_asked_where_the_header_says_t1(detector, tmp_path):
    for name, tags in {"said": {"SeriesDescription": "SAG T1"}, "silent": {"SeriesDescription": "Kopf"}}.items():
        content = dicom_bytes(SeriesInstanceUID=f"1.2.{len(name)}", **tags)
        (tmp_path / name).write_bytes(content)
    found = inputs.find_inputs([str(tmp_path)], max_bytes=1 << 30)
    with Workers(1) as workers:
        scores = file_scores.score_files(
            found, detector, file_scores.ScoringOptions(PREPARE), workers, lambda *_: None, detector
        )
    kinds = [scores.stacks[number].kind.sequence for number in scores.stack_of]
    assert kinds == ["T1", "unknown"]
    np.testing.assert_allclose(scores.unlike, [0, scores.predictions.logit[1] - detector.threshold], atol=1e-6)


def refused(detector, folder):
    """Returns of each series below a folder whether it would be refused, whatever names and sidecars say."""
    found = dataclasses.replace(inputs.find_inputs([str(folder)], max_bytes=1 << 30), kinds={})
    options = file_scores.ScoringOptions(PREPARE, always_reformat=True)
    with Workers(1) as workers:
        scores = file_scores.score_files(found, detector, options, workers, lambda *_: None)
    stacks = np.array(scores.stack_of)
    return [scores.predictions.logit[stacks == each].mean() > detector.threshold for each in np.unique(stacks)]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif("CONTRAST_REAL_DATA" not in os.environ, reason="CONTRAST_REAL_DATA names no folder of real images")
def test_real_series(detector):
    real = Path(os.environ["CONTRAST_REAL_DATA"])
    assert refused(detector, real / "not_t1") == [True] * 4
    of_t1 = [each for name in ("jpeg", "nifti", "nifti_healthy") for each in refused(detector, real / name)]
    assert len(of_t1) == 230
    assert sum(of_t1) <= 2  # 0.9 %
