"""The environment variables of a worker, set before it imports anything that computes."""

from lstm_ablate import machine

# Set in every worker before TensorFlow is imported. With one thread, every rerun gives the same
# bits, and two workers with one thread each are faster than one worker with two.
WORKER_ENVIRONMENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

# Set in addition on a machine with GPUs.
GPU_ENVIRONMENT = {
    # Otherwise TensorFlow takes all memory at once, and leaves none for other processes.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # cuBLAS and cuDNN then compute full float32 products; engines.devices does that for XLA.
    "NVIDIA_TF32_OVERRIDE": "0",
    # XLA then chooses kernels without timing them, and avoids those whose threads race.
    "TF_DETERMINISTIC_OPS": "1",
}


def worker_environment(worker: int) -> dict[str, str]:
    """Return the variables of a worker, given its index; each worker sees at most one GPU."""
    gpus = machine.gpus()
    if not gpus:
        return WORKER_ENVIRONMENT
    mine = gpus[worker % len(gpus)]
    return WORKER_ENVIRONMENT | GPU_ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": mine.uuid}
