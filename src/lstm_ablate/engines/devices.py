"""The device that TensorFlow trains on."""

import tensorflow as tf


def device() -> str:
    """Return the name of the first GPU, or CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else "CPU"
