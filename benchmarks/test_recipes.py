"""Steps to the accuracy at which the slides' recipe ends: theirs against the fast one."""

import pytest

from benchmarks import recipes
from benchmarks.children import ROOT
from contrast_tfdata.records import manifest as manifests


def test_fast_recipe_is_ahead_after_a_third_of_the_slides_epochs(tmp_path, sizes, outcome):
    if not sizes.recipe_epochs:
        outcome.add("recipes", {})
        pytest.skip("--recipe-epochs=0 leaves it out")
    if not (ROOT / recipes.FLAGFILES["fast"]).exists():
        outcome.add("recipes", {})
        pytest.skip(f"there is no {recipes.FLAGFILES['fast']}")
    records = tmp_path / "records"
    recipes.make_records(records)
    steps = -(-manifests.load(records).splits["train"].records // recipes.BATCH)
    epochs = {"slides": sizes.recipe_epochs, "fast": None}
    runs = {
        name: [
            recipes.train(records, tmp_path / f"{name}{seed}", flagfile, steps, seed=seed, epochs=epochs[name])
            for seed in recipes.SEEDS
        ]
        for name, flagfile in recipes.FLAGFILES.items()
    }
    found = recipes.compare(**runs)
    outcome.add("recipes", found)
    # A third of the slides' epochs on, it must be well ahead; whether it is at their end by then is a target.
    fast, slides = (found["recipes"][name]["accuracy"] for name in ("fast", "slides"))
    third = max(1, min(sizes.recipe_epochs // 3, len(fast)))
    assert fast[third - 1] > slides[third - 1] + 0.1
