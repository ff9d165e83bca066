"""The steps of {slides' code, ours} x precision x XLA x oneDNN, and whether `auto` chose well among them."""

import dataclasses
import functools
import statistics
from collections.abc import Iterable

from benchmarks.children import Child
from benchmarks.measuring import interleave
from benchmarks.settings import Setting
from benchmarks.versus import STEPS_MODULE

SLIDES, OWN = "slides", "ours"
AUTO_TOLERANCE = 1.1
"""How many times as long as the best combination's step the one that `auto` chose may take."""
SETTINGS = (
    Setting("oneDNN on", "1"),
    Setting("oneDNN off", "0"),
    Setting("TensorFlow's default", None),
    Setting("oneDNN on, as with AVX2 only", "1", avx2=True),
    Setting("oneDNN off, as with AVX2 only", "0", avx2=True),
)


@dataclasses.dataclass(frozen=True)
class Variant:
    """One network in one form.

    Attributes:
        network: `slides` or `ours`.
        precision: Keras dtype policy.
        jit_compile: whether XLA compiles the step.
        slow: measured in a few rounds only.
    """

    network: str
    precision: str = "float32"
    jit_compile: bool = False
    slow: bool = False

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.network}, {self.precision}{', XLA' if self.jit_compile else ''}"


def variants_for(setting: Setting, *, native_bfloat16: bool, slow_variants: bool) -> list[Variant]:
    """Returns what is measured in a setting.

    XLA does not call oneDNN's convolutions, so it is measured once, and once more where `auto` is checked for a CPU
    without AVX-512. Emulated 16 bits take 10 to 30 seconds a step and are left out unless asked for.

    Args:
        setting: environment of the process.
        native_bfloat16: the CPU multiplies bfloat16 natively.
        slow_variants: leave nothing out.
    """
    both = (SLIDES, OWN)
    if setting.onednn is None:
        return [Variant(SLIDES)]
    found = [Variant(network) for network in both]
    if setting.onednn == "1":
        compiled = (OWN,) if setting.avx2 else both
        found += [Variant(network, jit_compile=True, slow=True) for network in compiled]
    native = native_bfloat16 and setting.onednn == "1" and not setting.avx2
    if native or slow_variants:
        found += [Variant(network, "mixed_bfloat16", slow=not native) for network in both]
        found += [Variant(network, "mixed_bfloat16", jit_compile=True, slow=True) for network in both]
    if slow_variants:
        found += [Variant(network, "mixed_float16", jit, slow=True) for network in both for jit in (False, True)]
    return found


def measure_setting(setting: Setting, *, rounds: int, slow_rounds: int, slow_variants: bool, batch: int) -> dict:
    """Measures all variants of a setting, interleaved in one process; the batch lies in memory.

    Returns:
        `setting` (name), `avx2`, `seconds` by variant, `variants` (their fields), and what `auto` chose there.
    """
    with Child(STEPS_MODULE, setting.environment) as child:
        native = child.call("native_bfloat16")
        variants = variants_for(setting, native_bfloat16=native, slow_variants=slow_variants)
        auto = child.call("auto_plan", imitate_avx2=setting.avx2)
        for variant in variants:
            _build(child, variant, setting, batch)
        counts = {each.name: min(rounds, slow_rounds) if each.slow else rounds for each in variants}
        calls = {each.name: functools.partial(child.call, "step", name=each.name) for each in variants}
        measured = interleave(calls, counts, warm_up=1)
    return {
        "setting": setting.name,
        "onednn": setting.onednn,
        "avx2": setting.avx2,
        "variants": {each.name: dataclasses.asdict(each) for each in variants},
        "seconds": {name: [each["train"] for each in rounds] for name, rounds in measured.items()},
        "auto": Variant(OWN, auto["precision"], auto["jit_compile"]).name,
    }


@dataclasses.dataclass(frozen=True)
class AutoVerdict:
    """How the combination that `auto` chose compares with the best one.

    Attributes:
        chosen: its name and setting.
        best: name and setting of the combination with the least median.
        ratio: median seconds of the chosen one over the best one's; 1 where they are the same.
    """

    chosen: str
    best: str
    ratio: float

    @property
    def passed(self) -> bool:
        """Whether no other combination is more than 10 % faster."""
        return self.ratio <= AUTO_TOLERANCE


def judge_auto(measured: Iterable[dict], *, avx2: bool) -> AutoVerdict:
    """Compares `auto` with every combination of this project's network.

    Args:
        measured: what `measure_setting` returned.
        avx2: judge the settings that imitate a CPU without AVX-512, or the others.

    Raises:
        ValueError: the combination that `auto` chose was not measured with oneDNN on, as the commands start.
    """
    medians, chosen = {}, None
    for setting in measured:
        if setting["avx2"] != avx2:
            continue
        for name, seconds in setting["seconds"].items():
            if setting["variants"][name]["network"] == OWN:
                medians[f"{name}, {setting['setting']}"] = statistics.median(seconds)
        if setting["onednn"] == "1":
            chosen = f"{setting['auto']}, {setting['setting']}"
    if chosen not in medians:
        raise ValueError(f"What `auto` chose was not measured. Received: {chosen}, measured: {tuple(medians)}")
    best = min(medians, key=medians.__getitem__)
    return AutoVerdict(chosen, best, medians[chosen] / medians[best])


def _build(child: Child, variant: Variant, setting: Setting, batch: int) -> None:
    common = {"batch": batch, "name": variant.name, "precision": variant.precision}
    if variant.network == SLIDES:
        child.call("build_slides", jit_compile=variant.jit_compile, **common)
    else:
        jit = str(variant.jit_compile).lower()
        child.call("build_own", jit_compile=jit, imitate_avx2=setting.avx2, **common)
