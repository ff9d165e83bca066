"""What the rows of the ablation table leave out, and the table, on figures that are counted by hand."""

from pathlib import Path

import pytest

from benchmarks.transfer import ablation
from contrast_tfdata.phantom import PhantomOptions

RECIPE = (Path(__file__).parents[2] / "flags" / "pretrain.flags").read_text().splitlines()


def changed(name):
    part = ablation.PARTS[name]
    return [*part.records, *part.training, *(part.views or ())]


def test_every_row_but_the_first_leaves_something_out_and_no_two_the_same():
    left_out = [tuple(changed(name)) for name in ablation.PARTS]
    assert left_out[0] == ()
    assert all(left_out[1:])
    assert len(set(left_out)) == len(left_out)


@pytest.mark.parametrize("name", [name for name in ablation.PARTS if ablation.PARTS[name].training])
def test_what_training_leaves_out_is_in_the_recipe(name):
    flag = ablation.PARTS[name].training[0].removeprefix("--no").partition("=")[0].removeprefix("--")
    (line,) = [line for line in RECIPE if line.removeprefix("--").partition("=")[0] == flag]
    assert line != ablation.PARTS[name].training[0]


@pytest.mark.parametrize("name", [name for name in ablation.PARTS if "augment=" in str(ablation.PARTS[name].training)])
def test_what_is_left_of_the_augmentation_is_as_in_the_recipe(name):
    (whole,) = [line.removeprefix("--augment=") for line in RECIPE if line.startswith("--augment=")]
    left = ablation.PARTS[name].training[0].removeprefix("--augment=")
    assert set(filter(None, left.split(","))) < set(whole.split(","))


@pytest.mark.parametrize("name", [name for name in ablation.PARTS if "rates" in str(ablation.PARTS[name].records)])
def test_what_patients_are_without_is_in_the_phantom(name):
    rates = ablation.PARTS[name].records[0].removeprefix("--phantom_rates=").split(",")
    without = PhantomOptions().with_rates(rates)
    for rate in (f"{word.partition('=')[0]}_rate" for word in rates):
        assert getattr(without, rate) == 0.0
        assert getattr(PhantomOptions(), rate) > 0.1


def test_table_has_mean_and_spread_of_every_source():
    def rows(*areas):
        return [{"auc": area, "auc_matched": area / 2, "series_auc": 1.0} for area in areas]

    lines = list(ablation.table({"nothing": {"jpeg": rows(0.8, 0.9), "nifti": rows(0.7, 0.7)}}))
    assert lines[0].startswith("| left out | seeds | jpeg: AUC | jpeg: AUC matched | jpeg: series AUC | nifti: AUC |")
    jpeg = "| nothing | 2 | 0.850 ± 0.071 | 0.425 ± 0.035 | 1.000 ± 0.000 |"
    assert lines[2] == f"{jpeg} 0.700 ± 0.000 | 0.350 ± 0.000 | 1.000 ± 0.000 |"


def test_folders_are_named_by_what_is_left_out():
    assert ablation._words(()) == []
    assert ablation._words(("--phantom_rates=lesion=0,distractor=0", "--ema=0")) == [
        *("phantom", "rates", "lesion", "0", "distractor", "0"),
        *("ema", "0"),
    ]
