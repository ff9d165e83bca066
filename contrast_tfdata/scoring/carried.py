"""What a model carries besides its weights for those who score with it, out of its description (model.json)."""

import contextlib
from collections.abc import Iterator, Mapping

from contrast_tfdata.errors import DataError
from contrast_tfdata.evaluation import Choices, InputGate


def choices(description: Mapping) -> Choices:
    """Returns all that was chosen on validation; raises DataError where it is damaged."""
    with _reading("operating point, indeterminate band or temperature"):
        return Choices.from_dict(description)


def gate(description: Mapping) -> InputGate:
    """Returns the model's gate, or one that refuses blank slices only; raises DataError where it is damaged."""
    with _reading("input gate"):
        return InputGate.from_dict(description["input_gate"]) if "input_gate" in description else InputGate()


@contextlib.contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"model.json is damaged: its {what} cannot be read ({error!r}); train again") from error
