import dataclasses

import pytest

from benchmarks.step_costs import GREY_FORM, OWN_FORM, SLIDES_FORM, NetworkForm, step_costs, total_flops
from contrast_tfdata.model.architecture import weight_shapes


def forward_flops(form, batch):
    """Counted another way: every weight of a layer is multiplied and added once for each position of its output."""
    sizes, size = [], form.image_size
    for _ in range(6):
        sizes.append((size - 2) ** 2)
        size = (size - 2) // 2
    positions = dict(zip(["conv2d", *(f"conv2d_{index}" for index in range(1, 6))], sizes, strict=True))
    flops = {}
    for name, shape in weight_shapes(331).items():
        layer, kind = name.split("/")
        if kind == "kernel":
            weights = 1
            for length in shape:
                weights *= length
            weights //= 3 // form.channels if layer == "conv2d" else 1
            flops[layer] = 2 * weights * positions.get(layer, 1) * batch
    return flops


@pytest.mark.parametrize("form", [SLIDES_FORM, GREY_FORM, OWN_FORM])
@pytest.mark.parametrize("batch", [1, 64])
def test_a_step_is_three_forward_passes_without_the_first_inputs_gradient(form, batch):
    forward = forward_flops(form, batch)
    for cost in step_costs(form, batch):
        assert cost.flops == (2 if cost.name == "conv2d" else 3) * forward[cost.name], cost.name


@pytest.mark.parametrize(("form", "gigaflops"), [(SLIDES_FORM, 53.4), (GREY_FORM, 45.4), (OWN_FORM, 42.4)])
def test_totals(form, gigaflops):
    assert total_flops(step_costs(form)) / 1e9 == pytest.approx(gigaflops, abs=0.05)


def test_first_block_by_hand():
    # 4x4 grey pixels: 2x2 outputs of 16 filters, pooled to one; forward and kernel gradient.
    first = step_costs(NetworkForm(image_size=4, channels=1), 1)[0]
    assert first.flops == 2 * 2 * 9 * 16 * 4
    seen, made, kept = 16, 64, 16
    forward = seen + made + 2 * made + made + kept
    backward = 2 * made + 2 * kept + 3 * made + seen + made
    assert first.bytes == 4 * (forward + backward)


def test_pooling_first_moves_fewer_bytes_and_no_fewer_flops():
    later = dataclasses.replace(OWN_FORM, pool_first=False)
    for early, late in zip(step_costs(OWN_FORM)[:6], step_costs(later)[:6], strict=True):
        assert early.flops == late.flops
        assert early.bytes < late.bytes


def test_sixteen_bits_halve_the_activations():
    halved = dataclasses.replace(OWN_FORM, element_bytes=2)
    assert 2 * step_costs(halved)[0].bytes == step_costs(OWN_FORM)[0].bytes


def test_the_slower_of_arithmetic_and_memory_counts():
    cost = step_costs(OWN_FORM)[0]
    assert cost.seconds(1e9, 1e30) == pytest.approx(cost.flops / 1e9)
    assert cost.seconds(1e30, 1e9) == pytest.approx(cost.bytes / 1e9)
