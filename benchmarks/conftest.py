"""Settings that must be made before TensorFlow is imported: those of the commands."""

from contrast_tfdata.model import runtime_plan

runtime_plan.configure_environment()
