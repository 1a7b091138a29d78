"""The function `train` of the code, and the optimizer that a model is compiled with."""

from lstm_ablate.experiment.settings import Optimizer, Training
from lstm_ablate.keras_code.layout import call

_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}
_NOTHING = {("momentum", 0.0), ("nesterov", False)}  # Keras' own defaults


def optimizer(settings: Optimizer) -> tuple[str, list[str]]:
    """Return the class of Keras and its arguments, but for those that change nothing."""
    values = settings.model_dump(exclude={"name"})
    clipping = values.pop("global_clipnorm")  # Keras' arguments begin with the learning rate
    written = {name: value for name, value in values.items() if (name, value) not in _NOTHING}
    if clipping is not None:
        written["global_clipnorm"] = clipping
    arguments = [f"{name}={value!r}" for name, value in written.items()]
    return _OPTIMIZERS[settings.name], arguments


def train(training: Training) -> list[str]:
    """Return the lines of the function."""
    best = training.select == "best"
    which = (
        "The weights are those of the epoch with the lowest validation loss."
        if best
        else "The weights are those of the last epoch."
    )
    lines = [
        "def train(model, windows):",
        '    """Fit the model, and return the history of its losses.',
        "",
        '    `windows` maps "train" and "validation" to arrays [N, time steps, features].',
        f"    {which}",
        '    """',
        "    callbacks = [",
        "        keras.callbacks.TerminateOnNaN(),  # such a run has diverged",
    ]
    if best:  # with so much patience it stops no training
        arguments = [f"patience={training.epochs}", "restore_best_weights=True"]
        made = call("keras.callbacks.EarlyStopping", arguments, level=2)
        lines += [*made[:-1], f"{made[-1]},"]
    lines.append("    ]")
    lines += call(
        "return model.fit",
        [
            'windows["train"]',
            'windows["train"]',
            'validation_data=(windows["validation"], windows["validation"])',
            f"epochs={training.epochs}",
            f"batch_size={training.batch_size}",
            "callbacks=callbacks",
        ],
    )
    return lines
