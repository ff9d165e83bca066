"""What a run of the benchmarks found, and the files it becomes."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from benchmarks import rendering, targets
from benchmarks.sizes import Sizes

RESULTS, SUMMARY, REPORT = "results.json", "summary.json", "RESULTS.md"


@dataclasses.dataclass
class Outcome:
    """Figures by section, as they come in.

    Attributes:
        sizes: how much was measured.
        machine: `machine.describe()`.
        sections: what each benchmark recorded, by its name in `rendering.SECTIONS`.
        written: files written so far.
    """

    sizes: Sizes
    machine: dict[str, Any]
    sections: dict[str, dict] = dataclasses.field(default_factory=dict)
    written: list[Path] = dataclasses.field(default_factory=list)

    def add(self, name: str, figures: dict) -> None:
        """Records a section.

        Raises:
            ValueError: there is no section of this name.
        """
        if name not in rendering.SECTIONS:
            raise ValueError(f"`name` must be one of {tuple(rendering.SECTIONS)}. Received: name={name!r}")
        self.sections[name] = figures

    @property
    def is_for_the_record(self) -> bool:
        """Whether every section was measured, at the default sizes."""
        return self.sections.keys() == rendering.SECTIONS.keys() and self.sizes == Sizes()

    def write(self, folder: Path) -> None:
        """Writes all three files into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        body = {"machine": self.machine, "sizes": dataclasses.asdict(self.sizes), "sections": self.sections}
        self._write(folder / RESULTS, json.dumps(body, indent=1) + "\n")
        self.write_record(folder)

    def write_record(self, folder: Path) -> None:
        """Writes the summary and the report."""
        self._write(folder / SUMMARY, json.dumps(targets.summarize(self.sections), indent=2) + "\n")
        self._write(folder / REPORT, rendering.render(self.machine, dataclasses.asdict(self.sizes), self.sections))

    def target_lines(self) -> list[str]:
        """Returns one line a target, for the terminal."""
        return [verdict.line() for verdict in targets.verdicts(self.sections)]

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        self.written.append(path)
