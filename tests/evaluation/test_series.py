import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.evaluation import Predictions
from contrast_tfdata.evaluation.series import per_series

ROWS = st.lists(
    st.tuples(st.sampled_from(["a/1", "a/2", "b/1", "c"]), st.sampled_from(["", "g", "h"]), st.integers(-1, 1)),
    max_size=12,
)


def predictions(*rows):
    """Returns predictions of (path, group, label, logit) rows."""
    paths, groups, labels, logits = zip(*rows, strict=True) if rows else ((), (), (), ())
    names = tuple(map(str, range(len(rows))))
    return Predictions(paths, np.arange(len(rows)), names, groups, labels, logits)


def series_of(*rows):
    """Returns label, first path and mean logit of each series."""
    series = per_series(predictions(*rows))
    return list(zip(series.label.tolist(), series.path, series.logit.tolist(), strict=True))


def test_a_volume_is_a_series():
    rows = ("no_gad/v.nii", "g", 0, 1.0), ("no_gad/w.nii", "g", 0, 5.0), ("no_gad/v.nii", "g", 0, 3.0)
    assert series_of(*rows, rows[1]) == [(0, "no_gad/v.nii", 2.0), (0, "no_gad/w.nii", 5.0)]


def test_files_of_one_slice_go_by_folder_group_and_class():
    rows = (
        ("s/1.dcm", "g", 0, 1.0), ("s/2.dcm", "g", 0, 2.0), ("t/3.dcm", "g", 0, 4.0), ("s/4.dcm", "h", 0, 8.0),
        ("s/5.dcm", "g", 1, 16.0),
    )  # fmt: skip
    assert series_of(*rows) == [
        (0, "s/1.dcm", 1.5), (0, "t/3.dcm", 4.0), (0, "s/4.dcm", 8.0), (1, "s/5.dcm", 16.0)
    ]  # fmt: skip


def test_a_file_of_unknown_group_stays_alone():
    assert len(series_of(("a.png", "", 0, 1.0), ("b.png", "", 0, 2.0))) == 2


def test_no_series_has_two_classes():
    assert series_of(("v.nii", "g", 0, 1.0), ("v.nii", "g", 1, 2.0)) == [(0, "v.nii", 1.0), (1, "v.nii", 2.0)]


@given(ROWS)
def test_every_slice_counts_once(rows):
    numbered = [(*row, float(number)) for number, row in enumerate(rows)]
    series = per_series(predictions(*numbered))
    assert len(set(series.example_id)) == len(series) <= len(rows)
    assert set(series.label.tolist()) == {label for _, _, label in rows}
    if len(series) == len(rows):
        assert series.logit.tolist() == list(range(len(rows)))
