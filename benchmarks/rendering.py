"""The report, RESULTS.md: one Markdown section for each benchmark that ran."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks import matrix, targets, versus
from benchmarks.measuring import Spread, growth_exponent, paired_ratios
from benchmarks.step_costs import GREY_FORM, OWN_FORM, SLIDES_FORM, NetworkForm, step_costs, total_flops

Lines = list[str]

_HEAD = """# Results of `pytest benchmarks`

Written by the benchmarks; do not edit. Figures are medians, with the quartiles in brackets, of one run. "Alone": a
process that has the machine for itself; these are the seconds that a step takes. "In turn": several processes, or
several networks in one, take turns round by round, and the ratio is the median of the rounds' ratios. Caches and memory
go to the others meanwhile, so that seconds in turn are longer than alone; but what else the machine does then slows
both. Factors count how many times faster this project is, so more is better."""


def render(machine: Mapping[str, Any], sizes: Mapping[str, Any], sections: targets.Sections) -> str:
    """Returns the report as Markdown.

    Args:
        machine: `machine.describe()`.
        sizes: fields of `Sizes`.
        sections: figures by section; what is missing is left out.
    """
    parts = [_HEAD.splitlines(), _machine(machine, sizes), _targets(sections)]
    parts += [SECTIONS[name](sections[name]) for name in SECTIONS if name in sections]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Lines:
    """Returns a Markdown table; the first column is text, the others are numbers and aligned right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in (header, rule, *rows)]


def spread(values: Sequence[float], digits: int = 3, scale: float = 1.0) -> str:
    """Returns the median and, of several values, the quartiles in brackets: `0.372 (0.365-0.380)`."""
    found = Spread.of([scale * value for value in values])
    if found.count == 1:
        return f"{found.median:.{digits}f}"
    return f"{found.median:.{digits}f} ({found.lower:.{digits}f}-{found.upper:.{digits}f})"


def _machine(machine: Mapping[str, Any], sizes: Mapping[str, Any]) -> Lines:
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    rows = [
        ("processor", f"{machine['cpu']}, {machine['cores']} cores; {', '.join(machine['caches'])}"),
        ("instructions", ", ".join(machine["instructions"])),
        ("memory", f"{machine['memory_gib']} GiB"),
        ("system", f"{machine['system']}, Python {machine['python']}"),
        ("packages", packages),
        ("load before", f"{machine['load_before']} (1 minute; a quiet machine has nearly 0)"),
        ("sizes", ", ".join(f"{name} {value}" for name, value in sizes.items())),
    ]
    lines = table(("machine", ""), rows)
    return [lines[0], "| --- | --- |", *lines[2:]]


def _targets(sections: targets.Sections) -> Lines:
    rows = []
    for verdict in targets.verdicts(sections):
        value = "-" if verdict.value is None else f"{verdict.value:.3g}"
        rows.append((verdict.target.text, value, verdict.target.bound, verdict.outcome))
    note = "Set for 2 cores with AVX-512 and bfloat16, nothing beside them; 5 times the slides' code without AVX-512."
    return ["## Targets", "", *table(("", "found", "target", ""), rows), "", note]


def _steps(section: dict) -> Lines:
    lines = ["## The step, input included", ""]
    for key, title in (("as_is", "On this CPU"), ("avx2", "The same CPU, imitating one without AVX-512")):
        if key in section:
            lines += [f"### {title}", "", *_comparison(section[key]), ""]
    return lines[:-1]


def _comparison(found: dict) -> Lines:
    rows = []
    for name, steps in found["alone"].items():
        waited, trained = ([each[part] for each in steps] for part in ("input", "train"))
        best = name == targets.best_of(found, found["codes"][name]) and found["codes"][name] != versus.OWN
        factor = "1" if name == versus.OWN else spread(targets.step_ratio(found, name), 2)
        in_turn = spread(targets.step_seconds(found["in_turn"][name]))
        rows.append((name, spread(trained), spread(waited, 4), in_turn, f"{factor}{' (best)' if best else ''}"))
    header = (
        "",
        "alone: training, s",
        "alone: waiting for the batch, s",
        "in turn: both, s",
        "in turn: ours faster by",
    )
    plan = found["plan"]
    own = f"`auto` chose {plan['precision']}, {'XLA' if plan['jit_compile'] else 'no XLA'}, oneDNN on."
    their = "The slides' code runs as TensorFlow comes, with its generator. Peers have oneDNN on; their batch is ready."
    lines = [*table(header, rows), "", f"Ours: {own} {their}"]
    if not found["torch"]:
        lines += ["", f"Not measured: {versus.NO_TORCH}."]
    return [*lines, "", *_memory(found["memory"]), "", *_roofline(found)]


def _memory(memory: dict) -> Lines:
    rows = [
        (name, *(f"{bytes_ / 2**20:.0f}" for bytes_ in (each["peak"], each["idle"], each["peak"] - each["idle"])))
        for name, each in memory.items()
    ]
    return table(("alone: memory of the process, MiB", "peak", "library alone", "difference"), rows)


def _roofline(found: dict) -> Lines:
    limits = {name: rates for name, rates in found["limits"].items() if name != "bytes_per_second"}
    products = [(name, spread(rates, 0, 1e-9), f"{max(rates) / 1e9:.0f}") for name, rates in limits.items()]
    flops = total_flops(step_costs(OWN_FORM, found["batch"]))
    rows = [
        (
            f"ours, {precision}",
            f"{flops / 1e9:.1f}",
            f"{targets.highest_rate(found, precision) / 1e9:.0f}",
            f"{share:.2f}",
        )
        for precision in ("float32", "bfloat16")
        if (share := targets.roofline_share(found, precision)) is not None
    ]
    removed = ", ".join(f"{name}={value}" for name, value in found["removed"].items())
    bytes_ = max(found["limits"]["bytes_per_second"])
    return [
        *table(("alone: matrix products on all cores, GFLOP/s", "each call's best", "highest"), products),
        "",
        "Removed from the environment, where they would have held a library back: " + (removed or "nothing") + ".",
        "",
        *table(("alone: arithmetic", "GFLOP a step", "highest rate, GFLOP/s", "share of it"), rows),
        "",
        "Counted is the step as it is computed, grey and cropped; uncropped it were",
        f"{_gflop(GREY_FORM, found)}, with the slides' three channels {_gflop(SLIDES_FORM, found)}. In the next table",
        "each operation reads its inputs and writes its output once, at the highest float32 rate and that of a copy,",
        f"{bytes_ / 1e9:.1f} GB/s (read and written):",
        "what is fused, or stays in cache, takes less.",
        "",
        *_layers(found["batch"], targets.highest_rate(found, "float32"), bytes_),
    ]


def _gflop(form: NetworkForm, found: dict) -> str:
    return f"{total_flops(step_costs(form, found['batch'])) / 1e9:.1f} GFLOP"


def _layers(batch: int, flops: float, bytes_: float) -> Lines:
    costs = step_costs(OWN_FORM, batch)
    times = [1000 * cost.seconds(flops, bytes_) for cost in costs]
    rows = [
        (cost.name, f"{cost.flops / 1e9:.2f}", f"{cost.bytes / 1e6:.0f}", f"{time:.1f}")
        for cost, time in zip(costs, times, strict=True)
    ]
    megabytes = sum(cost.bytes for cost in costs) / 1e6
    rows.append(("whole step", f"{total_flops(costs) / 1e9:.2f}", f"{megabytes:.0f}", f"{sum(times):.1f}"))
    return table(("ours, float32, forward and backward", "GFLOP", "MB moved", "ms at these rates"), rows)


def _matrix(section: dict) -> Lines:
    lines = ["## Precision, XLA, oneDNN", ""]
    rows = []
    for setting in section["settings"]:
        reference = setting["seconds"][matrix.Variant(matrix.SLIDES).name]
        for name, seconds in setting["seconds"].items():
            ratio = Spread.of(paired_ratios(reference, seconds)).median
            # The commands start with oneDNN on.
            auto = "auto" if name == setting["auto"] and setting["onednn"] == "1" else ""
            rows.append((f"{setting['setting']}: {name}", spread(seconds), len(seconds), f"{ratio:.2f}", auto))
    header = (
        "in turn, batch in memory",
        "seconds a step",
        "rounds",
        "faster than the slides', float32, there by",
        "chosen",
    )
    lines += [*table(header, rows), ""]
    for avx2 in sorted({setting["avx2"] for setting in section["settings"]}):
        cpu = "one without AVX-512, imitated" if avx2 else "this CPU"
        verdict = matrix.judge_auto(section["settings"], avx2=avx2)
        lines.append(
            f"- `auto` on {cpu}: {verdict.chosen}; the best is {verdict.best}; {verdict.ratio:.2f} times its step "
            f"({'within' if verdict.passed else 'NOT within'} the tenth that is allowed)."
        )
    lines += [
        "",
        "Left out unless `--slow-variants` is given: 16 bits where the CPU emulates them (10 to 30 seconds a step).",
    ]
    return lines


def _epochs(section: dict) -> Lines:
    rows = [
        (name, each["steps"], f"{each['seconds'][0]:.2f}", spread(each["seconds"][1:], 2))
        for name, each in section.items()
    ]
    ratio = statistics.median(section["slides"]["seconds"][1:]) / statistics.median(section["ours"]["seconds"][1:])
    note = "Each in its own process; the program is built before the clock runs. Fitting overlaps input and step."
    lines = ["## Epochs of `fit`, end to end", "", *table(("", "steps", "first epoch, s", "later epochs, s"), rows)]
    return [*lines, "", f"Ours is faster by {ratio:.2f}. {note}"]


def _input(section: dict) -> Lines:
    reference = targets.images_per_second(section["ImageDataGenerator"])
    rows = []
    for name, each in section.items():
        rate = targets.images_per_second(each)
        cpu = statistics.median(each["cpu_seconds"][1:]) / each["batches"]
        cold = each["seconds"][0]
        figures = (f"{rate:,.0f}", f"{1000 * targets.batch_seconds(each):.2f}", f"{1000 * cpu:.2f}", f"{cold:.2f}")
        rows.append((name, *figures, f"{rate / reference:.1f}"))
    header = ("", "images/s", "ms a batch", "CPU ms a batch, all cores", "first epoch, s", "times ImageDataGenerator")
    return ["## Input alone", "", *table(header, rows)]


def _cold_input(section: dict) -> Lines:
    cold, warm = (1000 * sum(each) for each in section["input"])
    return [
        "## The first epoch's input",
        "",
        f"Waiting for batches took {cold:.0f} ms in the first epoch and {warm:.0f} ms in the second: with the same",
        f"steps the first takes {targets.cold_ratio(section):.3f} times as long. Tracing and compiling took",
        f"{section['build']:.1f} s before and is not counted; reading begins with it. The system held the records in",
        "memory: a cold disk adds to it.",
    ]


def _conversion(section: dict) -> Lines:
    rows = [
        (name, f"{1 / statistics.median(each['seconds']):.0f}", spread(each["seconds"], 2, 1000))
        for name, each in section["formats"].items()
    ]
    formats = table(("512 x 512, one core", "images/s", "ms an image"), rows)
    rounds = section["workers"]
    rates = {number: [each["images"] / each["seconds"] for each in found] for number, found in rounds.items()}
    steady = {number: [each["steady"] for each in found] for number, found in rounds.items()}
    cpu = {number: [each["cpu_seconds"] / each["images"] for each in found] for number, found in rounds.items()}
    rows = [
        (number, spread(rates[number], 0), spread(steady[number], 0), spread(cpu[number], 1, 1000)) for number in rounds
    ]
    header = ("workers", "images/s, listing to verified records", "images/s once running", "CPU ms an image, in all")
    whole, running = (spread(paired_ratios(each["2"], each["1"]), 2) for each in (rates, steady))
    bound = spread([2 * ratio for ratio in paired_ratios(cpu["1"], cpu["2"])], 2)
    note = [
        f"Two workers are {running} times as fast as one once running, and {whole} times from the listing to the",
        f"verified records, their start included. By CPU time two idle cores would allow {bound} times.",
    ]
    return ["## Conversion", "", *formats, "", *table(header, rows), "", *note]


def _prediction(section: dict) -> Lines:
    rates, files, first = section["images_per_second"], section["files"], section["first_verdict"]
    forward = [(name, spread(each, 0), spread(paired_ratios(each, rates["slides"]), 2)) for name, each in rates.items()]
    ratios = paired_ratios(files["seconds"]["slides"], files["seconds"]["ours"])
    return [
        "## Prediction",
        "",
        *table(("in turn: forward pass, images decoded", "images/s", "faster than the slides'"), forward),
        "",
        "The commands score in float32, so that scores are the same on every machine.",
        "",
        *table(
            (f"in turn: a process for {files['count']} pictures", "seconds", "files/s"),
            [
                (name, spread(seconds, 2), f"{files['count'] / statistics.median(seconds):.0f}")
                for name, seconds in files["seconds"].items()
            ],
        ),
        "",
        f"Ours (`predict FOLDER --output=P.csv`, tables and verdicts included) is faster by {spread(ratios, 2)}.",
        f"One DICOM series of {first['files']} files has its verdict {spread(first['seconds'], 2)} s after the command",
        "began, in a fresh process.",
    ]


def _growth(section: dict) -> Lines:
    rows, slopes = [], []
    for what in dict.fromkeys(row["what"] for row in section["rows"]):
        of_it = [row for row in section["rows"] if row["what"] == what]
        rows += [
            (what, f"x{row['factor']}", row["images"], f"{row['seconds']:.2f}", f"{row['bytes'] / 2**20:.0f}")
            for row in of_it
        ]
        images = [row["images"] for row in of_it]
        time = growth_exponent(images, [row["seconds"] for row in of_it])
        memory = growth_exponent(images, [max(row["bytes"], 2**20) for row in of_it])
        slopes.append(f"- {what}: time grows as data^{time:.2f}, memory as data^{memory:.2f}.")
    header = ("", "data", "images", "seconds", "MiB above the idle process")
    note = "1 is linear, 0 is flat. Input is read from records of noise, more than are shuffled together."
    return ["## Growth", "", *table(header, rows), "", *slopes, "", note]


def _recipes(section: dict) -> Lines:
    if not section.get("recipes"):
        return ["## Time to accuracy", "", "Not measured in this run."]
    rows = []
    for name, each in section["recipes"].items():
        reached = each["steps_to_accuracy"]
        figures = ("-", "-") if reached is None else (reached, f"{each['seconds_to_accuracy']:.0f}")
        rows.append((name, each["steps"], f"{each['accuracy'][-1]:.4f}", *figures))
    header = ("recipe", "steps in all", "last validation accuracy", "steps to the accuracy", "seconds")
    lines = ["## Time to accuracy", "", *table(header, rows), ""]
    lines += [
        f"The accuracy: {section['accuracy']:.4f}, the median of the last three epochs of the slides' recipe.",
        "Curves are means of several seeds; a recipe is there at the first epoch whose mean reaches it. Seconds are",
        "those of one run.",
    ]
    epochs = max(len(each["accuracy"]) for each in section["recipes"].values())
    curves = [
        (name, *(f"{each['accuracy'][index]:.3f}" if index < len(each["accuracy"]) else "" for index in range(epochs)))
        for name, each in section["recipes"].items()
    ]
    return [*lines, "", *table(("validation accuracy after epoch", *range(1, epochs + 1)), curves)]


SECTIONS: dict[str, Callable[[dict], Lines]] = {
    "steps": _steps,
    "matrix": _matrix,
    "epochs": _epochs,
    "input": _input,
    "cold input": _cold_input,
    "conversion": _conversion,
    "prediction": _prediction,
    "growth": _growth,
    "recipes": _recipes,
}
"""In the order of the report; each renders what one benchmark recorded under its name."""
