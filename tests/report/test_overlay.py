import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from summaries import summarize

from contrast_tfdata.evaluation import OperatingPoint
from contrast_tfdata.report import RunDescription, pictures_wanted
from contrast_tfdata.report.gallery import MAX_SUSPECTS, collect, collect_samples, collect_suspects
from contrast_tfdata.report.overlay import overlay
from contrast_tfdata.report.page import render


def page_of(splits, images=None, maps=None, *, with_samples=False):
    """Returns the page of validation and test without its charts."""
    metrics = summarize(splits.get("validation"), splits.get("test"), OperatingPoint.fixed())
    name, split = list(splits.items())[-1]
    gallery = collect(name, split, 0.5, images or {}, maps)
    suspects = collect_suspects(splits, images or {}, maps)
    samples = collect_samples(name, split, 0.5, images or {}, maps, patients_known=False) if with_samples else None
    beside = {"samples": samples, "suspects": suspects, "run": RunDescription("A run"), "has_history": True}
    return render(metrics=metrics, charts=[], gallery=gallery, **beside)


def evidence_of(images):
    return {key: np.linspace(-1, 1, pixels.size).reshape(pixels.shape) for key, pixels in images.items()}


def section(page, heading):
    return page.split(f"<h2>{heading}")[1].split("</section>")[0]


def test_sign_is_colour_and_strength_is_opacity():
    evidence = np.zeros((90, 90))
    evidence[:30], evidence[60:] = 2.0, -1.0
    colours = overlay(evidence)
    assert colours.shape == (90, 90, 4)
    assert colours.dtype == np.uint8
    assert tuple(colours[10, 10]) == (0xD5, 0x5E, 0x00, round(0.7 * 255))
    assert tuple(colours[80, 80, :3]) == (0x00, 0x72, 0xB2)
    assert colours[80, 80, 3] == pytest.approx(0.35 * 255, abs=1)
    assert colours[45, 45, 3] == 0


def test_large_maps_become_small_and_empty_ones_clear():
    assert overlay(np.zeros((331, 331))).shape == (96, 96, 4)
    assert overlay(np.zeros((331, 200)))[..., 3].max() == 0
    lonely = np.zeros((96, 96))
    lonely[3, 4] = 1e-3
    assert overlay(lonely)[3, 4, 3] == round(0.7 * 255)


@pytest.mark.parametrize("bad", [np.zeros((2, 2, 3)), np.full((4, 4), np.nan)], ids=["shape", "NaN"])
def test_what_is_no_map_is_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        overlay(bad)


def test_the_gallery_shows_maps_where_there_are_some_and_says_what_they_mean(draw, pictures):
    test = draw(30, 1, shift=0.0)
    images = pictures(test)
    plain, mapped = (page_of({"test": test}, images, maps) for maps in (None, evidence_of(images)))
    assert "Orange" not in plain
    assert 'class="map"' not in plain
    errors = section(mapped, "Misclassified")
    assert errors.count('class="map"') == np.count_nonzero(test.prediction(0.5) != test.label)
    assert errors.count("Orange: what spoke for with_gad") == 1
    drawn = re.search(r'class="map" src="data:image/png;base64,([^"]+)"', errors).group(1)
    with Image.open(io.BytesIO(base64.b64decode(drawn))) as picture:
        assert picture.mode == "RGBA"
        assert picture.size == (40, 48)


def test_a_slice_without_a_map_or_without_its_picture_is_shown_as_before(draw, pictures):
    test = draw(8, 1, labels=[0, 1] * 4, shift=-9.0)  # all wrong
    images = pictures(test)
    maps = evidence_of(images)
    del maps[test.example_id[0]], images[test.example_id[1]]
    errors = section(page_of({"test": test}, images, maps), "Misclassified")
    assert errors.count('class="map"') == 6
    assert errors.count("picture not at hand") == 1


def test_suspected_labels_of_both_splits_are_listed_and_no_picture_comes_twice(draw, pictures):
    splits = {"validation": draw(60, 0, shift=1.0), "test": draw(200, 1, shift=2.5)}
    images = pictures(*splits.values())
    page = page_of(splits, images)
    suspects = collect_suspects(splits, images)
    listed = section(page, "Labels to look at again")
    assert {case.split for case in suspects.cases} == {"validation", "test"}
    for case in suspects.cases:
        assert f">{case.split} #{case.position}</td>" in listed
    shown = re.findall(r'<img src="(data:image/png[^"]+)"', page)
    assert len(shown) == len(set(shown))
    assert listed.count("<img") == sum(case.split == "validation" for case in suspects.cases)
    probabilities = [case.label_probability for case in suspects.cases]
    assert probabilities == sorted(probabilities)


def test_suspects_beyond_the_page_are_counted_and_a_clean_split_has_none(draw):
    many = section(page_of({"test": draw(1000, 1, shift=2.0)}), "Labels to look at again")
    assert f"The {MAX_SUSPECTS} least believed labels are shown" in many
    assert many.count("<tr><td class") == MAX_SUSPECTS
    clean = section(page_of({"test": draw(60, 1, shift=30.0)}), "Labels to look at again")
    assert "there are 60 labelled slices" in clean


@pytest.mark.parametrize("shift", [0.3, 2.5], ids=["too weak to judge labels", "good"])
def test_the_pictures_wanted_are_those_that_are_shown(draw, pictures, shift):
    splits = {"validation": draw(60, 0, shift=1.0), "test": draw(300, 1, shift=shift)}
    metrics = summarize(*splits.values(), OperatingPoint.fixed())
    wanted = pictures_wanted(metrics, *splits.values(), patients_known=False)
    images = {key: pixels for key, pixels in pictures(*splits.values()).items() if key in set().union(*wanted.values())}
    page = page_of(splits, images, with_samples=True)
    assert "picture not at hand" not in page
    assert len(set(re.findall(r'<img src="(data:image/png[^"]+)"', page))) == len(images)
