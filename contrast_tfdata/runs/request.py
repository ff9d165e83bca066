"""What a user asks `train` for, as options that refuse what does not fit each other; no TensorFlow here."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from contrast_tfdata.errors import UsageError
from contrast_tfdata.model import pretrained
from contrast_tfdata.pipeline import mixing
from contrast_tfdata.pipeline.options import PipelineOptions
from contrast_tfdata.training.options import TrainingOptions

_SEEDS = 1 << 32


@dataclasses.dataclass(frozen=True)
class TrainingRequest:
    """A training, or several that differ in their seed or in what they validate on.

    Attributes:
        records_dir: the records.
        workdir: folder of what is made.
        training: the recipe.
        pipeline: how batches are made.
        views: a slice's logit is the mean over these views of it.
        init_weights: as `starting_point.build` takes them.
        phantom_records_dir: records of synthetic patients beside the others, or None.
        phantom_fraction: their share of every batch; None where there are none.
        repeats: trainings with seeds from `training.seed` on.
        folds: parts into which the patients of training and validation split are divided; 0: as the records are.
        fold: the only one of these that is trained, from 1; 0: all.
        verify_all: read every byte of the records before they are used, however large they are.
        resume: go on from a checkpoint where there is one.
        checkpoint_steps: save after so many steps of an epoch too; 0: at its end only.
        profile_steps: first and last step, counted from 1, that TensorFlow's profiler watches, or None.
        criterion: by which the threshold is chosen.
        max_error: largest error outside of the indeterminate band.
        flags: value of each flag that was given or has a default, by name.
        flags_text: the same as a flagfile that repeats the command.
        command: what stands after `python -m` to repeat it.

    Raises:
        UsageError: these do not fit each other.
    """

    records_dir: Path
    workdir: Path
    training: TrainingOptions
    pipeline: PipelineOptions
    views: tuple[str, ...]
    init_weights: str | None
    phantom_records_dir: Path | None
    phantom_fraction: float | None
    repeats: int
    folds: int
    fold: int
    verify_all: bool
    resume: bool
    checkpoint_steps: int
    profile_steps: tuple[int, int] | None
    criterion: str
    max_error: float
    flags: Mapping[str, object]
    flags_text: str
    command: tuple[str, ...]

    def __post_init__(self):
        if self.init_weights and self.training.initial_bias != "none":
            raise UsageError(
                "--initial_bias is for new weights, --init_weights brings a bias of its own: leave one out. Received: "
                f"initial_bias={self.training.initial_bias}, init_weights={self.init_weights}"
            )
        self._refuse_half_a_mixture()
        self._refuse_odd_folds()
        if self.training.seed + self.repeats > _SEEDS:
            raise UsageError(
                f"the last seed would be above {_SEEDS - 1}. Received: seed={self.training.seed}, "
                f"repeats={self.repeats}"
            )

    @property
    def is_several(self) -> bool:
        """Whether more than one network is trained."""
        return self.repeats > 1 or (self.folds > 0 and not self.fold)

    def refuse_several(self) -> None:
        """Raises UsageError where more than one network is to be trained: workers do one run at a time."""
        if self.is_several:
            raise UsageError(
                "several workers do one run at a time: give each repeat its own --seed and --workdir, a fold its "
                f"--fold. Received: repeats={self.repeats}, folds={self.folds}"
            )

    def _refuse_half_a_mixture(self) -> None:
        """Raises UsageError where only one of the two flags of a mixture was given, or a share of it is empty."""
        if self.phantom_fraction is not None and not self.phantom_records_dir:
            raise UsageError(
                f"--phantom_fraction={self.phantom_fraction} needs --phantom_records_dir=P, records of synthetic "
                "patients: make_records --flagfile=flags/pretrain.flags --output_dir=P"
            )
        if self.phantom_records_dir and self.phantom_fraction is None:
            raise UsageError("--phantom_records_dir needs --phantom_fraction, their share of every batch, as in 0.5")
        if self.phantom_records_dir:
            mixing.shares(self.pipeline.batch_size, self.phantom_fraction)

    def _refuse_odd_folds(self) -> None:
        """Raises UsageError where folds, fold, repeats and init_weights do not fit each other."""
        received = f"Received: folds={self.folds}, fold={self.fold}, repeats={self.repeats}"
        if self.folds == 1 or self.fold > self.folds:
            raise UsageError(f"--folds must be at least 2, and --fold one of them. {received}")
        if self.folds and self.repeats > 1:
            raise UsageError(f"--folds and --repeats each train several times: give one of them. {received}")
        weights = self.init_weights
        # Nothing in a run says which patients it saw: the same ones may stand in records made anew, under another hash.
        if self.folds and weights and not pretrained.is_shipped(weights) and Path(weights).is_dir():
            raise UsageError(
                "--folds needs weights that no patient of these records had a part in, or a network would be scored on "
                "patients that it has seen, and a run does not say whom it was trained on: begin with "
                f"--init_weights=shipped, or with new weights. Received: folds={self.folds}, init_weights={weights}"
            )
