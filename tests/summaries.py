"""`evaluation.summarize` for tests that have predictions, and seldom more."""

from contrast_tfdata.evaluation import Choices, OperatingPoint, SplitScores
from contrast_tfdata.evaluation import summarize as summarize_scores


def summarize(validation, test, choices=None, *, checks=None, perturbed=None, metadata=None, **options):
    """Returns the metrics of predictions, and of what else was measured on a split, by its name."""

    def scores(name, predictions):
        if predictions is None:
            return None
        beside = [given.get(name) if given else None for given in (metadata, checks, perturbed)]
        return SplitScores(predictions, beside[0] or (), beside[1], beside[2] or {})

    choices = Choices(choices) if isinstance(choices, OperatingPoint) else choices
    return summarize_scores(scores("validation", validation), scores("test", test), choices, **options)
