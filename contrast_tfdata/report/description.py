"""What a report says about a run besides its numbers."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class RunDescription:
    """Plain data about a run. Whatever is left out is left out of the page.

    Attributes:
        title: heading of the page.
        command: what stands after `python -m` to repeat it: the module, then its flags.
        flags: every flag with its value, in the order to show.
        environment: versions, hardware, times; may be nested.
        manifest: the contents of the records' manifest.json.
        model: name, parameters, precision, hash of the weights and the like; may be nested.
        warnings: what a reader must know before believing a number, one sentence or two each.
        leakage: why the network may have been trained on patients that it is scored on, likewise; the page then does
            not call the scored slices those that it was not trained on.
        is_synthetic: whether the records are of synthetic patients; None where nobody looked.
        synthetic_share: share of synthetic slices among those that the network learned from; None where not known.
        training_slices: how many slices it learned from, those of phantoms mixed in aside; None likewise.
        training_patients: of how many patients, likewise.
        training_patients_by_class: of how many with slices of each class, by its name, likewise.
        init_weights: with which weights it began, as `train --init_weights` takes them; None: random ones.
        was_trained_here: whether the network learned from the training split of these records in this run.

    Raises:
        ValueError: an empty title, or a single string for command, warnings or leakage, which would become one per
            letter.
    """

    title: str
    command: tuple[str, ...] = ()
    flags: Mapping[str, object] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, object] = dataclasses.field(default_factory=dict)
    manifest: Mapping[str, object] = dataclasses.field(default_factory=dict)
    model: Mapping[str, object] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    leakage: tuple[str, ...] = ()
    is_synthetic: bool | None = None
    synthetic_share: float | None = None
    training_slices: int | None = None
    training_patients: int | None = None
    training_patients_by_class: Mapping[str, int] | None = None
    init_weights: str | None = None
    was_trained_here: bool = False

    def __post_init__(self):
        if not self.title.strip():
            raise ValueError(f"title must not be empty. Received: title={self.title!r}")
        for name, content in (("command", "words"), ("warnings", "sentences"), ("leakage", "sentences")):
            given = getattr(self, name)
            if isinstance(given, str):
                raise ValueError(f"{name} must be a tuple of {content}. Received: {name}={given!r}")
            object.__setattr__(self, name, tuple(given))

    @property
    def patients_known(self) -> bool:
        """Whether each group of slices is known to be a patient."""
        return self.manifest.get("patients_known") is True

    @property
    def keeps_groups_apart(self) -> bool:
        """Whether the records promise that no group stands in two splits."""
        rule = self.manifest.get("split_rule", {})
        return rule.get("rule") == "group" and rule.get("allow_leakage") is False
