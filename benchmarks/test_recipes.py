"""Steps to the accuracy at which the slides' recipe ends: theirs against the fast one."""

import pytest

from benchmarks import recipes
from contrast_tfdata.records import manifest as manifests


def test_fast_recipe_is_ahead_after_a_third_of_the_slides_epochs(tmp_path, sizes, outcome):
    if not sizes.recipe_epochs:
        outcome.add("recipes", {})
        pytest.skip("--recipe-epochs=0 leaves it out")
    records = tmp_path / "records"
    recipes.make_records(records, sizes.recipe_patients)
    steps = -(-manifests.load(records).splits["train"].records // sizes.batch)
    # The fast recipe's number of epochs is its own, but for a smoke run.
    epochs = {"slides": sizes.recipe_epochs, "fast": 1 if sizes.smoke else None}
    runs = {
        name: [
            recipes.train(
                records, tmp_path / f"{name}{seed}", flagfile, steps, batch=sizes.batch, seed=seed, epochs=epochs[name]
            )
            for seed in range(recipes.FIRST_SEED, recipes.FIRST_SEED + sizes.recipe_seeds)
        ]
        for name, flagfile in recipes.FLAGFILES.items()
    }
    found = recipes.compare(**runs)
    outcome.add("recipes", found)
    # A third of the slides' epochs on, it must be well ahead; whether it is at their end by then is a target.
    fast, slides = (found["recipes"][name]["accuracy"] for name in ("fast", "slides"))
    third = max(1, min(sizes.recipe_epochs // 3, len(fast)))
    assert sizes.smoke or fast[third - 1] > slides[third - 1] + 0.1
