"""Wrong labels in all splits, training included, and how many of them a network that learned from them finds."""

import io

import pytest
from bright_records import SIZE, is_flipped, write_records
from rich.console import Console

from contrast_tfdata.evaluation import suspected_labels
from contrast_tfdata.evaluation.label_review import contradicted_labels
from contrast_tfdata.model import starting_point
from contrast_tfdata.model.runtime_plan import RuntimePlan
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.scoring.splits import Scorer
from contrast_tfdata.training import loop
from contrast_tfdata.training.options import TrainingOptions

COUNTS = (("train", 160), ("validation", 80), ("test", 120))


@pytest.mark.slow
def test_a_network_trained_on_flipped_labels_ranks_those_of_other_splits_high(tmp_path):
    manifest = write_records(tmp_path / "records", COUNTS, flip=True)
    (tmp_path / "run").mkdir()
    plan = RuntimePlan("float32", jit_compile=False, onednn=True, pooling="native", static_shapes=False)
    training = TrainingOptions(epochs=3, learning_rate=2e-3, seed=3)
    pipeline = PipelineOptions(batch_size=8, seed=3)
    job = loop.Job(tmp_path / "records", manifest, tmp_path / "run", training, pipeline, plan)
    model = starting_point.build(SIZE, pooling="native", seed=3, initial_logit=job.initial_logit)
    loop.train(model, job, resume=False, on_start=lambda: None, console=Console(file=io.StringIO()))
    scorer = Scorer([starting_point.weights_of(model)], job.records_dir, manifest, batch_size=8)
    for split in ("validation", "test"):
        predictions = scorer.score(split).predictions
        flipped = {number for number in range(len(predictions)) if is_flipped(number)}
        first = suspected_labels(predictions)[: len(predictions) // 10]
        recall = len(flipped & set(first.tolist())) / len(flipped)
        assert recall >= 0.75, split
        assert flipped & set(contradicted_labels(predictions).tolist()), split
