"""Which Keras there is: the network is one of Keras 2, and newer environments hold Keras 3 as well.

TensorFlow 2.16 and later has Keras 2 as `tf_keras`, which `contrast_tfdata` chooses for `tf.keras` at its import. What
`import keras` gives there is Keras 3, whose objects look the same and do not work with it.
"""

import tensorflow as tf

_NEWER = "keras."


def require_keras_2() -> None:
    """Raises ImportError where `tf.keras` was taken, before this package was imported, and so is Keras 3."""
    if getattr(tf.keras, "__version__", "2").startswith("3"):
        raise ImportError(
            "tf.keras is Keras 3 here, because it was used before contrast_tfdata was imported; the network needs "
            "Keras 2. Start Python again, and write `import contrast_tfdata as ct` before anything of TensorFlow or "
            "Keras (or set the environment variable TF_USE_LEGACY_KERAS=1)"
        )


def refuse_keras_3(kind: str, *given) -> None:
    """Raises TypeError for objects and functions of Keras 3.

    Args:
        kind: where Keras has them: `optimizers`, `losses`, `metrics` or `callbacks`.
        *given: what a user gave.
    """
    if tf.keras.Model.__module__.startswith(_NEWER):
        return  # The only Keras is Keras 2.
    for each in given:
        # What a user derived from a class of Keras 3 is none of Keras 2 either.
        kinds = [each] if hasattr(each, "__name__") else type(each).__mro__
        found = [kind.__name__ for kind in kinds if (getattr(kind, "__module__", None) or "").startswith(_NEWER)]
        if found:
            raise TypeError(
                f"keras.{kind}.{found[0]} is of Keras 3 (`import keras`), and the network is of Keras 2: write "
                f"tf.keras.{kind}.{found[0]}, after `import contrast_tfdata` and `import tensorflow as tf`"
            )
