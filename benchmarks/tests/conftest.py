"""The environment in which the commands start TensorFlow, before anything here imports it."""

from contrast_tfdata.model import runtime_plan

runtime_plan.configure_environment()
