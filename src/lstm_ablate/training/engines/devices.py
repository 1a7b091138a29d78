"""The device that TensorFlow trains on, and how exactly it multiplies."""

import tensorflow as tf

# The kernels of XLA obey this setting, and not NVIDIA_TF32_OVERRIDE.
if tf.config.list_physical_devices("GPU"):
    tf.config.experimental.enable_tensor_float_32_execution(False)


def device() -> str:
    """Return the name of the first GPU, or CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    return (
        str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
        if gpus
        else "CPU"
    )
