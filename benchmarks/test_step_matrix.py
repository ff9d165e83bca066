"""Steps in every combination of precision, XLA and oneDNN; fails where `auto` chose more than 10 % from the best."""

import pytest

from benchmarks import machine, matrix


@pytest.fixture(scope="module")
def settings(outcome, sizes):
    """Every setting, measured one after the other."""
    names = ("rounds", "slow_rounds", "slow_variants", "batch")
    options = {name: getattr(sizes, name) for name in names}
    settings = [setting for setting in matrix.SETTINGS if not setting.avx2 or machine.has_avx512()]
    if sizes.smoke:
        # The others start alike, and each compiles anew.
        settings = settings[:1]
    measured = [matrix.measure_setting(setting, **options) for setting in settings]
    outcome.add("matrix", {"settings": measured})
    return measured


@pytest.mark.parametrize("avx2", [False, True], ids=["as_is", "avx2"])
def test_auto_is_within_a_tenth_of_the_best(avx2, settings, sizes):
    if avx2 and (sizes.smoke or not machine.has_avx512()):
        pytest.skip("this CPU has no AVX-512 to do without")
    verdict = matrix.judge_auto(settings, avx2=avx2)
    assert sizes.smoke or verdict.passed, (
        f"auto chose {verdict.chosen}, {verdict.ratio:.2f} times as long as {verdict.best}"
    )
