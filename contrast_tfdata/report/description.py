"""What a report says about a run besides its numbers."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class RunDescription:
    """Plain data about a run. Whatever is left out is left out of the page.

    Attributes:
        title: heading of the page.
        command_line: the command as typed.
        flags: every flag with its value, in the order to show.
        environment: versions, hardware, times; may be nested.
        manifest: the contents of the records' manifest.json.
        model: name, parameters, precision, hash of the weights and the like; may be nested.
        warnings: what a reader must know before believing a number, one sentence or two each.
        leakage: why the network may have been trained on patients that it is scored on, likewise; the page then does
            not call the scored slices those that it was not trained on.

    Raises:
        ValueError: an empty title, or a single string for warnings or leakage, which would become one per letter.
    """

    title: str
    command_line: str = ""
    flags: Mapping[str, object] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, object] = dataclasses.field(default_factory=dict)
    manifest: Mapping[str, object] = dataclasses.field(default_factory=dict)
    model: Mapping[str, object] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    leakage: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.title.strip():
            raise ValueError(f"title must not be empty. Received: title={self.title!r}")
        for name in ("warnings", "leakage"):
            sentences = getattr(self, name)
            if isinstance(sentences, str):
                raise ValueError(f"{name} must be a tuple of sentences. Received: {name}={sentences!r}")
            object.__setattr__(self, name, tuple(sentences))
