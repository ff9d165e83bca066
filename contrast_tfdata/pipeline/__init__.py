"""Records to batches with tf.data."""
