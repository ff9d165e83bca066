"""The targets of the project's speed: what each is, how it is computed from the sections, and whether it is met."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping

from benchmarks import matrix, versus
from benchmarks.measuring import paired_ratios
from benchmarks.step_costs import OWN_FORM, step_costs, total_flops

Sections = Mapping[str, dict]
Figure = Callable[[Sections], float | None]


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure, with the value that it should reach where one was set.

    Attributes:
        key: in summary.json.
        text: what it is, for people.
        limit: the value; None for a figure without a target.
        needs: section that it is computed from.
        figure: computes it; None where the section does not have it.
        at_least: whether the figure must reach the limit from above, or stay below it.
        missing: why there is none, where the section was measured.
    """

    key: str
    text: str
    limit: float | None
    needs: str
    figure: Figure
    at_least: bool = True
    missing: str = ""

    @property
    def bound(self) -> str:
        """The limit in words."""
        return "" if self.limit is None else f"at {'least' if self.at_least else 'most'} {self.limit:.3g}"

    def verdict(self, sections: Sections) -> "Verdict":
        """Returns what was found for it."""
        if self.needs not in sections:
            return Verdict(self, None, f"the benchmark `{self.needs}` did not run")
        value = self.figure(sections)
        return Verdict(self, value, self.missing if value is None else "")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A target with its figure, or with the reason why there is none."""

    target: Target
    value: float | None
    reason: str = ""

    @property
    def word(self) -> str:
        """`met`, `missed` or `not measured`; empty where no target was set."""
        if self.value is None:
            return "not measured"
        if self.target.limit is None:
            return ""
        met = self.value >= self.target.limit if self.target.at_least else self.value <= self.target.limit
        return "met" if met else "missed"

    def line(self) -> str:
        """Returns one line for a terminal."""
        value = "-" if self.value is None else f"{self.value:.3g}"
        return f"{self.target.key:34} {value:>8}  {self.target.bound:14}  {self.outcome}".rstrip()

    @property
    def outcome(self) -> str:
        """The word, with the reason where there is one."""
        return f"{self.word}: {self.reason}" if self.reason else self.word


def step_seconds(steps: list[dict[str, float]], *, with_input: bool = True) -> list[float]:
    """Returns the seconds of each step, the wait for its batch included or not."""
    return [each["train"] + (each["input"] if with_input else 0.0) for each in steps]


def best_of(comparison: dict, code: str) -> str | None:
    """Returns the name of a code's form whose step, in turn with the others, takes least; None without the code."""
    medians = {
        name: statistics.median(step_seconds(steps))
        for name, steps in comparison["in_turn"].items()
        if comparison["codes"][name] == code
    }
    return min(medians, key=medians.__getitem__) if medians else None


def step_ratio(comparison: dict, name: str) -> list[float]:
    """Returns how many times faster this project's step with its input is than that form, round by round."""
    in_turn = comparison["in_turn"]
    return paired_ratios(*(step_seconds(in_turn[each]) for each in (name, versus.OWN)))


def highest_rate(comparison: dict, precision: str) -> float | None:
    """Returns the highest rate of any library's matrix product in a precision, operations a second; None without."""
    rates = [rate for name, found in comparison["limits"].items() if name.endswith(f" {precision}") for rate in found]
    return max(rates, default=None)


def form_in(comparison: dict, precision: str) -> str | None:
    """Returns the form of this project's step in `float32` or `bfloat16`; None where it was not measured."""
    chosen = {"float32": versus.FLOAT32, "bfloat16": versus.BFLOAT16}[precision]
    if comparison["plan"]["precision"] == chosen:
        return versus.OWN
    return versus.OWN_FLOAT32 if precision == "float32" and versus.OWN_FLOAT32 in comparison["alone"] else None


def roofline_share(comparison: dict, precision: str) -> float | None:
    """Returns the share of the highest rate that this project's step alone, without its input, reaches.

    The operations are those of its own form, grey and cropped; the rate is of a matrix product in the same precision.
    Above 1 one of the two is measured wrongly.
    """
    name, rate = form_in(comparison, precision), highest_rate(comparison, precision)
    if name is None or rate is None:
        return None
    seconds = statistics.median(step_seconds(comparison["alone"][name], with_input=False))
    return total_flops(step_costs(OWN_FORM, comparison["batch"])) / seconds / rate


def cold_ratio(found: dict) -> float:
    """Returns the first epoch's seconds over the second's, both with the second one's steps: only input differs."""
    cold, warm = (sum(each) for each in found["input"])
    trained = sum(found["train"][1])
    return (cold + trained) / (warm + trained)


def verdicts(sections: Sections) -> list[Verdict]:
    """Returns every target's verdict."""
    return [target.verdict(sections) for target in TARGETS]


def summarize(sections: Sections) -> dict[str, float | None]:
    """Returns the figures by key; None where they were not measured."""
    found = {verdict.target.key: verdict.value for verdict in verdicts(sections)}
    return {key: value if value is None else float(f"{value:.4g}") for key, value in found.items()}


def batch_seconds(pipeline: dict) -> float:
    """Returns the median seconds a batch of an input pipeline's epochs after the first."""
    return statistics.median(pipeline["seconds"][1:]) / pipeline["batches"]


def images_per_second(pipeline: dict) -> float:
    """Returns the median images a second of an input pipeline's epochs after the first."""
    return pipeline["images"] / statistics.median(pipeline["seconds"][1:])


def _versus(code: str) -> Figure:
    def figure(sections: Sections) -> float | None:
        comparison = sections["steps"]["as_is"]
        best = best_of(comparison, code)
        return best and statistics.median(step_ratio(comparison, best))

    return figure


def _roofline(precision: str) -> Figure:
    return lambda sections: roofline_share(sections["steps"]["as_is"], precision)


def _xla(sections: Sections) -> float | None:
    names = [matrix.Variant(network, jit_compile=True).name for network in (matrix.SLIDES, matrix.OWN)]
    for setting in sections["matrix"]["settings"]:
        if all(name in setting["seconds"] for name in names):
            return statistics.median(paired_ratios(*(setting["seconds"][name] for name in names)))
    return None


def _input(sections: Sections) -> float:
    pipelines = sections["input"]
    return images_per_second(pipelines["ours, cached"]) / images_per_second(pipelines["ImageDataGenerator"])


def _input_share(sections: Sections) -> float | None:
    if "steps" not in sections:
        return None
    step = statistics.median(step_seconds(sections["steps"]["as_is"]["alone"][versus.OWN], with_input=False))
    return batch_seconds(sections["input"]["ours, cached"]) / step


def _recipe(sections: Sections) -> float | None:
    return sections["recipes"].get("step_fraction")


def _memory(sections: Sections) -> float:
    memory = sections["steps"]["as_is"]["memory"]
    return memory[versus.OWN]["peak"] / memory[versus.SLIDES]["peak"]


def _files_per_second(sections: Sections) -> float:
    files = sections["prediction"]["files"]
    return files["count"] / statistics.median(files["seconds"]["ours"])


def _prediction_ratio(sections: Sections) -> float:
    seconds = sections["prediction"]["files"]["seconds"]
    return statistics.median(paired_ratios(seconds["slides"], seconds["ours"]))


def _first_verdict(sections: Sections) -> float:
    return statistics.median(sections["prediction"]["first_verdict"]["seconds"])


_STEP = "step with its input, in turn: times faster than"
_NO_BFLOAT16 = "this CPU does not multiply bfloat16 natively"
TARGETS = (
    Target("step_ratio_vs_slides", f"{_STEP} the slides' code with its generator", 4, "steps", _versus(versus.SLIDES)),
    Target("step_ratio_vs_keras_best", f"{_STEP} plain Keras at its best", 1.5, "steps", _versus(versus.KERAS)),
    Target(
        "step_ratio_vs_torch_best",
        f"{_STEP} PyTorch at its best",
        5,
        "steps",
        _versus(versus.TORCH),
        missing=versus.NO_TORCH,
    ),
    Target(
        "roofline_share_float32",
        "arithmetic of the float32 step alone: share of the fastest matrix product",
        0.45,
        "steps",
        _roofline("float32"),
    ),
    Target(
        "roofline_share_bfloat16",
        "arithmetic of the bfloat16 step alone: share of the fastest matrix product",
        0.45,
        "steps",
        _roofline("bfloat16"),
        missing=_NO_BFLOAT16,
    ),
    Target(
        "xla_ratio_vs_slides_xla",
        "step under XLA, float32, in turn: times faster than the slides' network",
        5,
        "matrix",
        _xla,
        missing="no setting had both networks under XLA",
    ),
    Target("input_ratio_vs_imagedatagenerator", "cached input: times ImageDataGenerator's rate", 200, "input", _input),
    Target(
        "input_share_of_step",
        "cached input, seconds a batch over seconds a step alone",
        0.01,
        "input",
        _input_share,
        at_least=False,
        missing="the benchmark `steps` did not run",
    ),
    Target(
        "fast_recipe_step_fraction",
        "steps to the slides' recipe's accuracy: fast recipe over the slides'",
        0.4,
        "recipes",
        _recipe,
        at_least=False,
        missing="the fast recipe did not reach the accuracy at which the slides' recipe ends",
    ),
    Target(
        "peak_memory_ratio",
        "peak memory of the process that trains: over the slides' code's",
        0.5,
        "steps",
        _memory,
        at_least=False,
    ),
    Target("predict_files_per_second", "files a second, command to table", None, "prediction", _files_per_second),
    Target(
        "predict_ratio_vs_slides",
        "a folder scored, process start included, in turn: times faster than the slides' code",
        1,
        "prediction",
        _prediction_ratio,
    ),
    Target(
        "seconds_to_first_verdict",
        "seconds from the command to the verdict on one DICOM series, a fresh process",
        None,
        "prediction",
        _first_verdict,
        at_least=False,
    ),
)
