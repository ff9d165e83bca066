import json

import pytest

from benchmarks import matrix, rendering, targets, versus
from benchmarks.outcome import Outcome
from benchmarks.sizes import Sizes
from benchmarks.step_costs import OWN_FORM, step_costs, total_flops

FLOPS = total_flops(step_costs(OWN_FORM))
MACHINE = {
    "cpu": "a CPU", "cores": 2, "caches": ["L2 1024K"], "instructions": ["avx2"], "memory_gib": 24.0,
    "system": "Linux x86_64", "python": "3.11", "packages": {"tensorflow": "2.15.1"}, "load_before": 0.0,
}  # fmt: skip


def steps(train, waited=0.0):
    return [{"input": waited, "train": seconds} for seconds in train]


def comparison(torch=(), plan="float32"):
    in_turn = {
        versus.SLIDES: steps([2.0, 4.0, 2.0], waited=1.0),
        "Keras, float32": steps([1.0, 2.0, 0.5]),
        "Keras, mixed_bfloat16": steps([0.75, 1.5, 0.75]),
        versus.OWN: steps([0.5, 1.0, 0.5]),
        versus.OWN_FLOAT32: steps([0.5, 1.0, 0.5]),
    } | dict(torch)
    codes = {name: name.split(",")[0] for name in in_turn}
    alone = in_turn | {versus.OWN: steps([0.25, 0.5, 0.5]), versus.OWN_FLOAT32: steps([0.5, 1.0, 1.0])}
    memory = {name: {"idle": 100, "peak": 400 if name == versus.OWN else 1000} for name in in_turn}
    limits = {
        "NumPy float32": [FLOPS / 0.5, FLOPS / 0.6],
        "TensorFlow float32": [FLOPS / 0.8],
        "TensorFlow bfloat16": [FLOPS / 0.3],
        "bytes_per_second": [1e10, 2e10],
    }
    return {
        "alone": alone, "in_turn": in_turn, "codes": codes, "memory": memory, "limits": limits, "batch": 64,
        "removed": {"OPENBLAS_CORETYPE": "Haswell"}, "plan": {"precision": plan, "jit_compile": False},
        "torch": "2.13.0" if torch else None, "avx2": False,
    }  # fmt: skip


TORCH = {"PyTorch, float32": steps([2.5, 5.0, 2.5]), "PyTorch, float32, compiled": steps([2.0, 4.0, 3.0])}


def pipeline(images, seconds):
    return {"images": images, "batches": images // 64, "seconds": seconds, "cpu_seconds": seconds}


def setting(name="oneDNN on", avx2=False, auto="ours, float32", **seconds):
    by_name = {key.replace("_", ", ").replace("bf16", "mixed_bfloat16"): value for key, value in seconds.items()}
    networks = {name: {"network": name.split(",")[0]} for name in by_name}
    on = "1" if name.startswith("oneDNN on") else "0"
    return {"setting": name, "onednn": on, "avx2": avx2, "variants": networks, "seconds": by_name, "auto": auto}


def sections():
    on = setting(
        slides_float32=[2.0, 2.0], ours_float32=[1.0, 1.0], slides_float32_XLA=[9.0], ours_float32_XLA=[1.5, 9.0]
    )
    inputs = {
        "ours, cached": pipeline(640, [9.0, 0.1, 0.1]),
        "ImageDataGenerator": pipeline(640, [9.0, 40.0]),
    }
    epochs = {"slides": {"steps": 10, "seconds": [9.0, 8.0]}, "ours": {"steps": 10, "seconds": [3.0, 2.0]}}
    conversion = {
        "formats": {"png": {"seconds": [0.01, 0.01]}},
        "workers": {
            "1": [{"images": 640, "seconds": 8.0, "steady": 90.0, "cpu_seconds": 8.0}],
            "2": [{"images": 640, "seconds": 5.0, "steady": 162.0, "cpu_seconds": 10.0}],
        },
    }
    growth = [
        {"what": "conversion", "factor": factor, "images": 16 * factor, "seconds": float(factor), "bytes": 2**24}
        for factor in (1, 4, 16)
    ]
    recipes = {
        "accuracy": 0.9,
        "step_fraction": 0.25,
        "recipes": {"slides": {"accuracy": [0.5, 0.9], "steps": 20, "steps_to_accuracy": 20, "seconds_to_accuracy": 9}},
    }
    return {
        "steps": {"as_is": comparison()},
        "matrix": {"settings": [on]},
        "epochs": epochs,
        "input": inputs,
        "cold input": {"build": 5.0, "input": [[0.5, 0.0], [0.0, 0.0]], "train": [[9.0, 1.0], [1.0, 1.0]]},
        "conversion": conversion,
        "prediction": {
            "images_per_second": {"slides": [100.0, 100.0], "ours, onnxruntime": [250.0, 250.0]},
            "files": {"count": 900, "seconds": {"slides": [30.0, 20.0], "ours": [10.0, 8.0]}},
            "first_verdict": {"files": 30, "seconds": [6.0, 5.0, 9.0]},
        },
        "growth": {"rows": growth},
        "recipes": recipes,
    }


def test_first_epoch_differs_by_its_input_only():
    assert targets.cold_ratio(sections()["cold input"]) == pytest.approx(2.5 / 2.0)


def test_summary():
    assert targets.summarize(sections()) == pytest.approx(
        {
            "step_ratio_vs_slides": 6.0,  # the median of 3/0.5, 5/1 and 3/0.5
            "step_ratio_vs_keras_best": 1.5,  # bfloat16 is the faster one by its median
            "step_ratio_vs_torch_best": None,
            "roofline_share_float32": 1.0,  # half a second alone, and as long at NumPy's best
            "roofline_share_bfloat16": None,
            "xla_ratio_vs_slides_xla": 6.0,  # one round in common
            "input_ratio_vs_imagedatagenerator": 400.0,
            "input_share_of_step": 0.02,
            "fast_recipe_step_fraction": 0.25,
            "peak_memory_ratio": 0.4,
            "predict_files_per_second": 100.0,
            "predict_ratio_vs_slides": 2.75,
            "seconds_to_first_verdict": 6.0,
        }
    )


def test_the_fastest_form_of_torch_is_compared_where_it_is():
    found = {"steps": {"as_is": comparison(torch=TORCH)}}
    assert targets.best_of(found["steps"]["as_is"], versus.TORCH) == "PyTorch, float32"
    assert targets.summarize(found)["step_ratio_vs_torch_best"] == 5.0


@pytest.mark.parametrize(
    ("plan", "precision", "name", "share"),
    [
        ("float32", "float32", versus.OWN, 1.0),
        ("float32", "bfloat16", None, None),
        ("mixed_bfloat16", "float32", versus.OWN_FLOAT32, 0.5),
        ("mixed_bfloat16", "bfloat16", versus.OWN, 0.6),
    ],
)
def test_share_is_of_a_product_in_the_same_precision(plan, precision, name, share):
    found = comparison(plan=plan)
    assert targets.form_in(found, precision) == name
    assert targets.roofline_share(found, precision) == (share and pytest.approx(share))


def test_a_cpu_without_bfloat16_has_no_rate_for_it():
    found = comparison()
    del found["limits"]["TensorFlow bfloat16"]
    assert targets.highest_rate(found, "bfloat16") is None
    assert targets.highest_rate(found, "float32") == FLOPS / 0.5


def test_met_missed_and_not_measured():
    words = {verdict.target.key: verdict.word for verdict in targets.verdicts(sections())}
    assert words["step_ratio_vs_slides"] == "met"
    assert words["input_share_of_step"] == "missed"
    assert words["seconds_to_first_verdict"] == ""
    assert words["step_ratio_vs_torch_best"] == "not measured"


def test_nothing_measured_is_all_null_with_reasons():
    found = targets.verdicts({})
    assert set(targets.summarize({}).values()) == {None}
    assert all("did not run" in verdict.reason for verdict in found)
    assert len({verdict.target.key for verdict in found}) == len(targets.TARGETS)


def test_auto_must_be_within_a_tenth():
    slower = setting(slides_float32=[0.1], ours_float32=[1.0], ours_bf16=[0.9])
    assert matrix.judge_auto([slower], avx2=False).ratio == pytest.approx(1 / 0.9)
    assert not matrix.judge_auto([slower], avx2=False).passed
    equal = setting(ours_float32=[1.0], ours_bf16=[0.95])
    assert matrix.judge_auto([equal], avx2=False).passed


def test_auto_is_compared_across_settings_of_the_same_cpu():
    on, off = setting(ours_float32=[1.0]), setting("oneDNN off", ours_float32=[0.5])
    imitated = setting("oneDNN on, as with AVX2 only", avx2=True, ours_float32=[0.1])
    verdict = matrix.judge_auto([on, off, imitated], avx2=False)
    assert (verdict.ratio, verdict.best) == (2.0, "ours, float32, oneDNN off")
    assert matrix.judge_auto([on, off, imitated], avx2=True).ratio == 1


def test_auto_must_have_been_measured():
    with pytest.raises(ValueError, match="ours, mixed_bfloat16, oneDNN on"):
        matrix.judge_auto([setting(auto="ours, mixed_bfloat16", ours_float32=[1.0])], avx2=False)


@pytest.mark.parametrize("onednn", [matrix.SETTINGS[0], matrix.SETTINGS[1], matrix.SETTINGS[3]])
@pytest.mark.parametrize("native", [True, False])
def test_what_auto_may_choose_is_measured(onednn, native):
    names = {each.name for each in matrix.variants_for(onednn, native_bfloat16=native, slow_variants=False)}
    assert "ours, float32" in names
    chosen = native and onednn.onednn == "1" and not onednn.avx2
    assert ("ours, mixed_bfloat16" in names) == chosen


def test_everything_is_measured_if_asked_for():
    found = matrix.variants_for(matrix.SETTINGS[0], native_bfloat16=False, slow_variants=True)
    assert len({each.name for each in found}) == len(found) == 2 * 3 * 2


def test_report_has_every_section():
    text = rendering.render(MACHINE, {"rounds": 3}, sections())
    assert text.count("\n## ") == 1 + len(rendering.SECTIONS)
    assert "6.00 (5.50-6.00)" in text
    assert "data^1.00, memory as data^0.00" in text
    assert versus.NO_TORCH in text
    assert "1.50 (1.50-1.50) (best)" in text
    assert "OPENBLAS_CORETYPE=Haswell" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


@pytest.mark.parametrize("name", sections())
def test_a_report_of_one_section(name):
    assert "## Targets" in rendering.render(MACHINE, {}, {name: sections()[name]})


def test_a_single_value_has_no_spread():
    assert rendering.spread([0.5]) == "0.500"
    assert rendering.spread([0.1, 0.2, 0.3], 0, 1000) == "200 (150-250)"


def test_only_a_whole_run_at_full_size_is_for_the_record(tmp_path):
    outcome = Outcome(Sizes(), MACHINE, sections())
    assert outcome.is_for_the_record
    assert not Outcome(Sizes(rounds=1), MACHINE, sections()).is_for_the_record
    assert not Outcome(Sizes.smallest(), MACHINE, sections()).is_for_the_record
    outcome.write(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["peak_memory_ratio"] == 0.4
    del outcome.sections["growth"]
    assert not outcome.is_for_the_record
    with pytest.raises(ValueError, match="Received: name='speed'"):
        outcome.add("speed", {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rounds", 0), ("images", 80), ("epochs", 1), ("recipe_epochs", -1), ("batch", 1), ("recipe_patients", 1),
    ],
)  # fmt: skip
def test_bad_sizes_are_refused(name, value):
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        Sizes(**{name: value})
