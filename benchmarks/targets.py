"""The targets of the project's speed: what each is, how it is computed from the sections, and whether it is met."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping

from benchmarks import matrix, versus
from benchmarks.measuring import paired_ratios
from benchmarks.step_costs import OWN_FORM, step_costs, total_flops

Sections = Mapping[str, dict]


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure with the value that it should reach.

    Attributes:
        key: in summary.json.
        text: what it is, for people.
        limit: the value.
        at_least: whether the figure must reach the limit from above, or stay below it.
        needs: section that it is computed from.
        figure: computes it; None where the section does not have it.
        missing: why there is none, where the section was measured.
    """

    key: str
    text: str
    limit: float
    at_least: bool
    needs: str
    figure: Callable[[Sections], float | None]
    missing: str = ""

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
    def met(self) -> bool | None:
        """Whether the target is met; None where it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.target.limit if self.target.at_least else self.value <= self.target.limit

    @property
    def word(self) -> str:
        """`met`, `missed` or `not measured`."""
        return {True: "met", False: "missed", None: "not measured"}[self.met]

    def line(self) -> str:
        """Returns one line for a terminal."""
        value = "-" if self.value is None else f"{self.value:.3g}"
        bound = f"{'>=' if self.target.at_least else '<='} {self.target.limit:.3g}"
        return f"{self.target.key:32} {value:>8}  {bound:>8}  {self.word}{f': {self.reason}' if self.reason else ''}"


def step_ratio(comparison: dict, theirs: str, *, with_input: bool = True) -> list[float] | None:
    """Returns how many times faster this project's step is than another's, round by round; None without it."""
    rounds = comparison["rounds"]
    if theirs not in rounds:
        return None
    seconds = {name: step_seconds(rounds[name], with_input=with_input) for name in (theirs, versus.OWN)}
    return paired_ratios(seconds[theirs], seconds[versus.OWN])


def step_seconds(rounds: list[dict[str, float]], *, with_input: bool = True) -> list[float]:
    """Returns the seconds of each step, the wait for its batch included or not."""
    return [each["train"] + (each["input"] if with_input else 0.0) for each in rounds]


def cold_ratio(found: dict) -> float:
    """Returns the first epoch's seconds over the second's, both with the second one's steps: only input differs."""
    cold, warm = (sum(each) for each in found["input"])
    trained = sum(found["train"][1])
    return (cold + trained) / (warm + trained)


def roofline_shares(comparison: dict, name: str, flops: int) -> list[float]:
    """Returns the arithmetic of a step per second over that of the sgemm of the same round."""
    seconds = step_seconds(comparison["rounds"][name])
    rates = [each["flops_per_second"] for each in comparison["rounds"][versus.LIMITS]]
    return [flops / (time * rate) for time, rate in zip(seconds, rates, strict=True)]


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


def _versus_slides(sections: Sections) -> float:
    return statistics.median(step_ratio(sections["steps"]["as_is"], versus.SLIDES))


def _versus_torch(sections: Sections) -> float | None:
    ratios = step_ratio(sections["steps"]["as_is"], versus.TORCH)
    return statistics.median(ratios) if ratios else None


def _roofline(sections: Sections) -> float:
    flops = total_flops(step_costs(OWN_FORM))
    return statistics.median(roofline_shares(sections["steps"]["as_is"], versus.OWN, flops))


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
    step = statistics.median(step_seconds(sections["steps"]["as_is"]["rounds"][versus.OWN], with_input=False))
    return batch_seconds(sections["input"]["ours, cached"]) / step


def _recipe(sections: Sections) -> float | None:
    return sections["recipes"].get("step_fraction")


def _memory(sections: Sections) -> float:
    memory = sections["steps"]["as_is"]["memory"]
    return memory[versus.OWN]["peak"] / memory[versus.SLIDES]["peak"]


TARGETS = (
    Target(
        "step_ratio_vs_slides",
        "step with its input: times faster than the slides' code",
        5.5,
        True,
        "steps",
        _versus_slides,
    ),
    Target(
        "step_ratio_vs_torch",
        "step: times faster than PyTorch, channels last",
        4,
        True,
        "steps",
        _versus_torch,
        versus.NO_TORCH,
    ),
    Target("roofline_share", "arithmetic of the step, share of sgemm's rate", 0.5, True, "steps", _roofline),
    Target(
        "xla_ratio_vs_slides_xla",
        "step under XLA, float32: times faster than the slides' network",
        5,
        True,
        "matrix",
        _xla,
        "no setting had both networks under XLA",
    ),
    Target(
        "input_ratio_vs_imagedatagenerator", "cached input: times ImageDataGenerator's rate", 200, True, "input", _input
    ),
    Target(
        "input_share_of_step",
        "cached input, seconds a batch over seconds a step",
        0.01,
        False,
        "input",
        _input_share,
        "the benchmark `steps` did not run",
    ),
    Target(
        "fast_recipe_step_fraction",
        "steps to the slides' recipe's accuracy, fast recipe over the slides'",
        1 / 3,
        False,
        "recipes",
        _recipe,
        "the fast recipe did not reach the accuracy at which the slides' recipe ends",
    ),
    Target(
        "peak_memory_ratio",
        "peak memory of the process, over the slides' code's",
        0.5,
        False,
        "steps",
        _memory,
    ),
)
