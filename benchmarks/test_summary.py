"""What the other benchmarks measured, put together: collected last."""

import pytest

from benchmarks import rendering, targets

NOT_EVERYWHERE = {"step_ratio_vs_torch_best", "roofline_share_bfloat16", "fast_recipe_step_fraction"}
"""Without PyTorch, without native bfloat16, and where the fast recipe fell short: null, with the reason."""


def test_a_whole_run_has_every_figure(outcome):
    if outcome.sections.keys() != rendering.SECTIONS.keys():
        pytest.skip("only a part of the benchmarks ran")
    summary = targets.summarize(outcome.sections)
    assert list(summary) == [target.key for target in targets.TARGETS]
    assert {key for key, value in summary.items() if value is None} <= NOT_EVERYWHERE
    assert all(value > 0 for value in summary.values() if value is not None)
