"""Where a threshold comes from: the same words on the console, the page and the card."""

from collections.abc import Mapping

from contrast_tfdata.evaluation.operating_point import OF_MEMBERS, least_specificity

_AIMS = {"accuracy": "for the highest accuracy", "youden": "for the highest sensitivity plus specificity"}


def chosen(point: Mapping) -> str:
    """Returns how an operating point, as metrics.json has it, was chosen, to stand in brackets after its threshold."""
    if point["chosen_on"] == OF_MEMBERS:
        return point.get("reason") or "the mean of the networks' thresholds"
    if point["chosen_on"] == "none":
        return "not chosen on data"
    where = "on validation" if point["chosen_on"] == "validation" else "on other data, before"
    return f"chosen {where}{_aim(point['criterion'])}"


def caveat(point: Mapping) -> str | None:
    """Returns why the threshold was not chosen on validation; None where it was."""
    if not point.get("reason") or point["chosen_on"] == OF_MEMBERS:
        return None
    return f"The threshold was not chosen on these data: {point['reason']}. It is {point['threshold']:g}."


def _aim(criterion: str) -> str:
    if criterion in _AIMS:
        return f", {_AIMS[criterion]}"
    least = least_specificity(criterion)
    return f", for the highest sensitivity at a specificity of {least:g} or more" if least else ""
