"""The signal equations against what is known of them, and MPRAGE against a pulse-by-pulse simulation."""

import numpy as np
import pytest

from contrast_tfdata.phantom import scanner
from contrast_tfdata.phantom.sequences import GradientEcho, Mprage, SpinEcho, draw_sequence
from contrast_tfdata.phantom.tissue import AGENTS, PROPERTIES, Relaxation, Tissue, relaxation

ONES = np.ones(len(Tissue))
NONE = np.zeros(len(Tissue))
SEQUENCES = [
    SpinEcho(tr=500, te=12),
    GradientEcho(tr=200, te=4, flip=75),
    GradientEcho(tr=15, te=4, flip=25),
    Mprage(tr=2000, ti=900, te=3, spacing=7.5, pulses=160, flip=9),
]


def _matter(t1: float, density: float = 1.0) -> Relaxation:
    return Relaxation(np.array([t1]), np.array([1e9]), np.array([1e9]), np.array([density]))


@pytest.mark.parametrize("tissue", Tissue)
def test_every_tissue_has_physical_properties(tissue):
    properties = PROPERTIES[tissue]
    assert 0.0 <= properties.density <= 1.0
    assert 0.0 <= properties.uptake <= 1.0
    assert all(t2 < t1 for t1, t2 in zip(properties.t1, properties.t2, strict=True))
    assert properties.t1[1] >= properties.t1[0]  # T1 never shortens with the field.


@pytest.mark.parametrize("field", [1.5, 3.0])
@pytest.mark.parametrize("sequence", SEQUENCES)
def test_t1_weighting_orders_fat_white_grey_fluid(sequence, field):
    signal = sequence.signal(relaxation(field, ONES, NONE, None))
    ordered = [signal[tissue] for tissue in (Tissue.FAT, Tissue.WHITE, Tissue.GREY, Tissue.CSF)]
    assert ordered == sorted(ordered, reverse=True)
    assert signal[Tissue.BONE] < 0.2 * signal[Tissue.WHITE]
    assert signal[Tissue.AIR] == 0.0


def test_gradient_echo_is_brightest_at_the_ernst_angle():
    t1, tr = 800.0, 30.0
    ernst = np.rad2deg(np.arccos(np.exp(-tr / t1)))
    signals = [GradientEcho(tr, 0.0, ernst + change).signal(_matter(t1))[0] for change in (-3.0, 0.0, 3.0)]
    assert np.argmax(signals) == 1


def test_spin_echo_of_fully_relaxed_spins_is_their_density():
    assert SpinEcho(tr=1e6, te=1e-6).signal(_matter(100.0, 0.7))[0] == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize("t1", [250.0, 838.0, 1607.0, 4300.0])
def test_mprage_agrees_with_pulse_by_pulse_simulation(t1):
    sequence = Mprage(tr=2000, ti=900, te=0.0, spacing=8.0, pulses=100, flip=9)
    assert sequence.signal(_matter(t1))[0] == pytest.approx(_simulate_mprage(sequence, t1), rel=1e-6)


def _simulate_mprage(sequence: Mprage, t1: float) -> float:
    """Returns the middle pulse's signal after enough inversions to reach the steady state."""
    angle = np.deg2rad(sequence.flip)
    half = sequence.pulses // 2 * sequence.spacing
    magnetisation, seen = 1.0, 0.0
    for _ in range(60):
        magnetisation = _recover(-magnetisation, sequence.ti - half, t1)
        for pulse in range(sequence.pulses):
            if pulse == sequence.pulses // 2:
                seen = abs(magnetisation) * np.sin(angle)
            magnetisation = _recover(magnetisation * np.cos(angle), sequence.spacing, t1)
        magnetisation = _recover(magnetisation, sequence.tr - sequence.ti - half, t1)
    return seen


def _recover(magnetisation: float, time: float, t1: float) -> float:
    return 1.0 + (magnetisation - 1.0) * np.exp(-time / t1)


def test_mprage_refuses_a_train_that_does_not_fit():
    with pytest.raises(ValueError, match="Received: ti=100"):
        Mprage(tr=2000, ti=100, te=3, spacing=8, pulses=160, flip=9)


def test_contrast_agent_shortens_t1_by_its_relaxivity():
    concentration = NONE.copy()
    concentration[Tissue.LESION] = 0.5  # mmol/L
    before = relaxation(1.5, ONES, NONE, None)
    after = relaxation(1.5, ONES, concentration, AGENTS["gadopentetate"])
    change = 1000.0 / after.t1[Tissue.LESION] - 1000.0 / before.t1[Tissue.LESION]
    assert change == pytest.approx(4.1 * 0.5)  # 1/s, Rohrer 2005.
    assert after.t1[Tissue.WHITE] == before.t1[Tissue.WHITE]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_contrast_agent_brightens(sequence):
    concentration = np.full(len(Tissue), 0.3)
    before = sequence.signal(relaxation(3.0, ONES, NONE, None))
    after = sequence.signal(relaxation(3.0, ONES, concentration, AGENTS["gadobutrol"]))
    for tissue in (Tissue.VEIN, Tissue.CHOROID, Tissue.PITUITARY, Tissue.LESION):
        assert after[tissue] > 1.15 * before[tissue]


def test_inflow_brightens_arteries_before_contrast():
    acquisition = next(
        drawn
        for drawn in (scanner.draw_acquisition(np.random.default_rng(seed)) for seed in range(200))
        if isinstance(drawn.sequence, GradientEcho)
        and drawn.inflow[Tissue.ARTERY] > 0.6  # Only where a slice, not a volume, is excited.
    )
    signal = scanner.tissue_signal(acquisition, ONES, NONE, None)
    assert signal[Tissue.ARTERY] > signal[Tissue.WHITE]


def test_drawn_sequences_are_of_all_kinds_and_give_positive_signal():
    rng = np.random.default_rng(0)
    drawn = [draw_sequence(rng) for _ in range(60)]
    assert {type(sequence) for sequence in drawn} == {SpinEcho, GradientEcho, Mprage}
    tissues = relaxation(1.5, ONES, NONE, None)
    assert all(sequence.signal(tissues)[Tissue.WHITE] > 0.0 for sequence in drawn)


@pytest.mark.parametrize(("mostly_volumes", "least", "most"), [(False, 0.35, 0.55), (True, 0.65, 0.85)])
def test_how_many_protocols_are_of_volumes(mostly_volumes, least, most):
    rng = np.random.default_rng(3)
    drawn = [draw_sequence(rng, mostly_volumes=mostly_volumes).volumetric for _ in range(300)]
    assert least < np.mean(drawn) < most
