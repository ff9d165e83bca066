"""Signals of other sequences: what is bright in each, by its equation."""

import numpy as np
import pytest

from contrast_tfdata.intake.units import PhantomUnit
from contrast_tfdata.phantom import PhantomOptions, generate_patient, other_sequences
from contrast_tfdata.phantom.other_sequences import Diffusion, Inverted, Tomography, TurboSpinEcho, draw_other_sequence
from contrast_tfdata.phantom.sequences import SpinEcho
from contrast_tfdata.phantom.tissue import Tissue, relaxation

TISSUES = relaxation(1.5, np.ones(len(Tissue)), np.zeros(len(Tissue)), None)
FLUID, GREY, WHITE, FAT, BONE = Tissue.CSF, Tissue.GREY, Tissue.WHITE, Tissue.FAT, Tissue.BONE


def order(sequence, *tissues):
    """Returns tissues from the darkest to the brightest."""
    signal = sequence.signal(TISSUES)
    return sorted(tissues, key=lambda tissue: signal[tissue])


def test_fluid_is_brightest_in_t2_and_grey_brighter_than_white():
    assert order(TurboSpinEcho(tr=5000, te=100), WHITE, GREY, FLUID) == [WHITE, GREY, FLUID]


def test_flair_is_a_t2_without_fluid():
    assert order(TurboSpinEcho(tr=9000, te=120, ti=2500), FLUID, WHITE, GREY) == [FLUID, WHITE, GREY]


def test_fat_gives_no_signal_where_its_inversion_is_nulled():
    assert order(TurboSpinEcho(tr=5000, te=60, ti=165), FAT, GREY)[0] == FAT
    assert order(TurboSpinEcho(tr=5000, te=100), GREY, FAT) == [GREY, FAT]


def test_diffusion_takes_fluid_away():
    assert order(Diffusion(te=80, b=1000.0), FLUID, GREY)[0] == FLUID
    assert order(Diffusion(te=80, b=0.0), GREY, FLUID)[0] == GREY


def test_a_negative_turns_the_order_round():
    of = SpinEcho(tr=500, te=12)
    assert order(Inverted(of), FLUID, GREY, WHITE) == order(of, FLUID, GREY, WHITE)[::-1]
    assert Inverted(of).signal(TISSUES)[Tissue.AIR] == 0


def test_bone_is_white_in_tomography():
    assert order(Tomography(-10, 90), FAT, FLUID, WHITE, GREY, BONE) == [FAT, FLUID, WHITE, GREY, BONE]


def test_saturated_bound_protons_darken_white_matter_most():
    plain, saturated = (TurboSpinEcho(tr=5000, te=100, transfer=each).signal(TISSUES) for each in (0.0, 0.3))
    assert saturated[WHITE] == pytest.approx(0.7 * plain[WHITE])
    assert saturated[GREY] == pytest.approx(0.8 * plain[GREY])
    assert saturated[FLUID] == plain[FLUID]


def test_every_kind_is_drawn():
    rng = np.random.default_rng(0)
    drawn = [draw_other_sequence(rng) for _ in range(300)]
    assert {type(each) for each in drawn} == {
        TurboSpinEcho, Diffusion, Inverted, Tomography, other_sequences.GradientEcho,
    }  # fmt: skip
    for each in drawn:
        assert np.isfinite(each.signal(TISSUES)).all()
        assert (each.signal(TISSUES) >= 0).all()


def test_a_patient_shows_one_place_in_t1_and_in_another_sequence():
    options = PhantomOptions(slices_per_class=1, other_sequences=True, stripped_rate=0.0, matched_rate=0.0)
    patient = generate_patient(3, 1, options)
    plain = generate_patient(3, 1, PhantomOptions(slices_per_class=1, stripped_rate=0.0, matched_rate=0.0))
    np.testing.assert_array_equal(patient.truth[0].tissue, plain.truth[0].tissue)
    assert np.abs(patient.pre[0].pixels.astype(int) - patient.post[0].pixels).mean() > 3


def test_it_has_an_identity_of_its_own_and_leaves_that_of_others():
    assert repr(PhantomOptions(other_sequences=True)) == repr(PhantomOptions())
    digests = {PhantomUnit(1, 2, PhantomOptions(other_sequences=each)).scan().sha256 for each in (False, True)}
    assert len(digests) == 2
