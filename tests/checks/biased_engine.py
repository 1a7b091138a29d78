"""Engines that are wrong on purpose: the keras engine with a small mistake for `verify`."""

from dataclasses import replace

from lstm_ablate.training.engines import reference

WRONG_RATE, NOISY_FLOAT32, NAN_FLOAT32 = 11, 12, 13  # the batch sizes that ask for each mistake


def train(runs, arrays, on_epoch):
    for index, (run, data) in enumerate(zip(runs, arrays, strict=True)):
        training = run.settings.training
        changed = {}
        if training.batch_size == WRONG_RATE:
            rate = training.optimizer.learning_rate * (1 + 1e-5)
            changed = {"optimizer": training.optimizer.model_copy(update={"learning_rate": rate})}
        single = training.dtype == "float32"
        wrong = (
            {NOISY_FLOAT32: 1 + 1e-4, NAN_FLOAT32: float("nan")}.get(training.batch_size, 1.0)
            if single
            else 1.0
        )

        def told(end, index=index, wrong=wrong):
            def seen():
                return {name: w * wrong for name, w in end.weights().items()}

            on_epoch(replace(end, index=index, weights=seen))

        settings = run.settings.model_copy(update={"training": training.model_copy(update=changed)})
        yield from reference.train([replace(run, settings=settings)], [data], told)


def device():
    return "biased"
