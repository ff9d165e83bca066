"""The slides' way to score a folder of pictures, as a program: generator and `predict`.

python -m benchmarks.workloads.slides_prediction FOLDER
"""

import sys

import tensorflow as tf

from contrast_tfdata.model.architecture import IMAGE_SIZE
from contrast_tfdata.model.reference import reference_network


def main(folder: str) -> None:
    """Prints how many pictures were scored."""
    generator = tf.keras.preprocessing.image.ImageDataGenerator(rescale=1.0 / 255)
    pictures = generator.flow_from_directory(
        folder, (IMAGE_SIZE, IMAGE_SIZE), class_mode=None, batch_size=64, shuffle=False
    )
    print(len(reference_network().predict(pictures, verbose=0)))


if __name__ == "__main__":
    main(sys.argv[1])
