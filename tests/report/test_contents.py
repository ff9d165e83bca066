"""What a page lists, folds away, and lets a reader repeat."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from summaries import summarize

from contrast_tfdata.report import RunDescription, write_report
from contrast_tfdata.report.certainty import WEAKEST_REVIEWER
from contrast_tfdata.report.gallery import collect_suspects
from contrast_tfdata.report.page import render

MANIFEST = {"patients_known": True, "image_size": 331, "splits": {"test": {"records": 90, "groups": 23}}}
NASTY = [
    "--a=two words",
    "--b='\"$HOME`id`\\",
    "--c=line\nbreak\tand \x85",
    "--d=\u202egnp.\udce9脳",
    "--e=;id",
    "--f=",
]


def page_of(split, run, **parts):
    options = {"charts": [], "gallery": None, "has_history": True, **parts}
    return render(metrics=summarize(None, split), run=run, **options)


def pasted(page, python):
    """Runs what the page offers for pasting, with a function in the place of Python's command."""
    text = html.unescape(re.search(r'<pre id="command">(.*?)</pre>', page, re.DOTALL).group(1))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    script = f"python() {{ {python}; }}\n{text}"
    return subprocess.run(["bash", "-c", script.encode()], capture_output=True, check=False, env=environment)


def test_every_section_is_listed_once_in_its_order_before_the_first_picture(tmp_path, draw, pictures):
    split = draw(90, 1, shift=0.5)
    run = RunDescription("A run", ("contrast_tfdata.train",), manifest=MANIFEST, model={"parameters": 1})
    options = {"metrics": summarize(None, split), "history": [], "images": pictures(split), "run": run}
    page = write_report(tmp_path, validation=None, test=split, **options).read_text()
    listed = re.findall(r'<a href="#([a-z-]+)">', page)
    assert listed == ["caveats", *re.findall(r'<section id="([a-z-]+)">', page)[1:]]
    assert len(listed) == len(set(listed)) > 9
    assert all(page.count(f'id="{anchor}"') == 1 for anchor in listed)
    assert page.index("<h2>Result") < page.index("<nav") < page.index('<div class="caveats"') < page.index("<img")
    assert len(re.findall("<h2>", page)) == len(listed)


def test_the_first_pictures_are_samples_of_both_classes_and_right_answers_come_before_errors(tmp_path, draw, pictures):
    split = draw(90, 1, shift=0.5)
    options = {"metrics": summarize(None, split), "history": [], "images": pictures(split)}
    run = RunDescription("A run", manifest=MANIFEST)
    page = write_report(tmp_path, validation=None, test=split, **options, run=run).read_text()
    order = [page.index(each) for each in ("Sample slice", "Rightly classified slice", "Misclassified slice")]
    assert order == sorted(order)
    samples, right, errors = (page.split(f'<section id="{name}">')[1] for name in ("samples", "right", "errors"))
    assert "Each pair is of the same patient: before contrast, then after it" in samples.split("</section>")[0]
    assert 'class="map"' not in samples.split("</section>")[0]
    for section in (right.split("</section>")[0], errors.split("</section>")[0]):
        assert "called before contrast" in section
        assert "called after contrast" in section


def test_wrong_series_are_shown_and_right_ones_counted_and_folded_away(tmp_path, draw):
    split = draw(120, 1, shift=1.0, path="scan{}.nii")
    split = type(split)(
        tuple(f"{number // 4}.nii" for number in range(120)),
        *(getattr(split, name) for name in ("slice_index", "example_id", "group")),
        [number // 4 % 2 for number in range(120)],
        split.logit,
    )
    metrics = summarize(None, split)
    options = {"metrics": metrics, "validation": None, "test": split, "history": [], "images": {}}
    page = write_report(tmp_path, run=RunDescription("A run"), **options).read_text()
    series = page.split("<h3>Each series</h3>")[1].split("</section>")[0]
    shown, folded = series.split("<details>")
    assert 'role="rowheader">right<' not in shown
    right = folded.count('role="rowheader">right<')
    assert f"{right} series with a right answer" in folded
    assert f"30 series of test: {right} right, {30 - right} wrong or indeterminate" in shown
    assert shown.count('role="rowheader">') == 30 - right > 0


def test_the_layers_are_those_of_the_slides(draw, parse):
    text = parse(page_of(draw(90, 1), RunDescription("A run", manifest=MANIFEST))).text
    layers = text.partition("Layers of the notebook's network")[2]
    for said in ("conv2d Conv2D(None, 329, 329, 16)448", "flatten Flatten(None, 576)0", "All109,073"):
        assert said in layers
    assert "model.summary()" not in parse(page_of(draw(90, 1), RunDescription("A run"))).text


def test_what_is_pasted_is_the_command_word_by_word(draw):
    page = page_of(draw(90, 1), RunDescription("A run", ("contrast_tfdata.train", *NASTY)))
    result = pasted(page, r"""printf '%s\0' "$@" """)
    words = result.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]
    assert words == ["-m", "contrast_tfdata.train", *NASTY]


@pytest.mark.parametrize(("command", "code"), [("train", 0), ("evaluate", 0), ("nothing", 1)])
def test_what_is_pasted_runs(draw, command, code):
    words = (f"contrast_tfdata.{command}", "--records_dir=R", "--workdir=W", "--batch_size=8", "--only_check_args")
    result = pasted(page_of(draw(90, 1), RunDescription("A run", words)), f"{sys.executable} $@")
    assert result.returncode == code, result.stderr


@pytest.mark.parametrize(("shift", "known", "warned"), [(0.5, True, True), (0.5, False, True), (9.0, True, False)])
def test_labels_are_not_to_be_reviewed_by_a_weak_network(draw, parse, shift, known, warned):
    split = draw(200, 1, shift=shift)
    run = RunDescription("A run", manifest={"patients_known": known})
    text = parse(page_of(split, run, suspects=collect_suspects({"test": split}, {}))).text
    test = summarize(None, split)["test"]
    low, _ = (test["auc_ci95_by_group"] if known else test["auc_ci95"]) or (1.0, 1.0)
    assert (low < WEAKEST_REVIEWER) == warned
    assert (f"too weak to judge labels. Its AUC on test may be as low as {low:.3f}" in text) == warned
    assert "contradicts the label" not in text  # a weak one judges no labels, the other has none to list
