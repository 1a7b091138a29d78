"""What PyTorch gives for the networks that its LSTM can say, recorded as data of a test.

PyTorch is not needed by lstm-ablate or its tests: `python tests/measure/pytorch_reference.py`, with
PyTorch installed beside the package, writes tests/data/pytorch.json, which
tests/training/test_pytorch.py holds both engines to. Everything but the training is ours: windows,
initial weights and batch orders; the network, its gradients and its optimizers are PyTorch's, in
float64.

Three things are said differently there, so that the arithmetic is the same:

- `torch.nn.LSTM` adds two biases. Ours is the first; the second stays at 0 and is not trained, for
  two trained biases would get the same gradient each, and their sum would move twice as fast.
- Adam: with alpha = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t), Keras' step is alpha * m / (sqrt(v)
  + epsilon), as Kingma & Ba 2015 have it at the end of section 2. PyTorch follows their Algorithm
  1, rate / (1 - beta_1^t) * m / (sqrt(v / (1 - beta_2^t)) + epsilon): Keras' with an epsilon that
  is multiplied by sqrt(1 - beta_2^t). So before step t it is given epsilon / sqrt(1 - beta_2^t).
  Epsilon is large here, so that its place is seen.
- Keras keeps some numbers of an optimizer in float32. Those of the cases are exact there.

Weights are recorded under our names in our shapes: PyTorch's matrices are the transposes of ours,
and its gates have the same order (i, f, g, o).
"""

import json
import math
import platform
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training.inputs import randomness, windows

FILE = Path(__file__).parents[1] / "data" / "pytorch.json"
SEED = 3

DATA = {
    "family": "sines",
    "timesteps": 6,
    "features": 2,
    "samples": {"train": 22, "validation": 7, "test": 9},
}
SIZES = {"encoder": [4, 3], "decoder": [5]}
SGD = {"name": "sgd", "learning_rate": 0.5, "momentum": 0.75}
ADAM = {
    "name": "adam",
    "learning_rate": 2.0**-4,
    "beta_1": 0.875,
    "beta_2": 0.984375,
    "epsilon": 2.0**-10,
}
CASES = {
    "plain, sequence, adam": ({}, ADAM),
    "plain, vector, sgd": ({"latent": "vector"}, SGD),
    "bidirectional, sequence, sgd": ({"bidirectional": True}, SGD),
    "bidirectional, vector, adam": ({"bidirectional": True, "latent": "vector"}, ADAM),
    "projection, sequence, adam": ({"projection": 2}, ADAM),
    "projection, vector, sgd": ({"projection": 2, "latent": "vector"}, SGD),
    "both, sequence, sgd": ({"bidirectional": True, "projection": 2}, SGD),
    "both, vector, adam": ({"bidirectional": True, "projection": 2, "latent": "vector"}, ADAM),
}

# PyTorch's names of the weights of a direction; `_reverse` follows for the backward one.
NAMES = {
    "kernel": "weight_ih_l0",
    "recurrent_kernel": "weight_hh_l0",
    "bias": "bias_ih_l0",
    "projection": "weight_hr_l0",
}


class Autoencoder(nn.Module):
    """The network as a user of PyTorch would write it."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network
        self.lstm = nn.ModuleList(
            nn.LSTM(
                layer.inputs,
                layer.units,
                batch_first=True,
                bidirectional=layer.bidirectional,
                proj_size=layer.projection or 0,
            )
            for layer in network.lstm
        )
        self.dense = nn.Linear(network.dense[0].inputs, network.features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstruct windows [B, T, F]."""
        for layer, lstm in zip(self.network.lstm, self.lstm, strict=True):
            if layer.repeated:
                x = x[:, None].expand(-1, self.network.timesteps, -1)
            x, (last, _) = lstm(x)  # last [directions, B, n]
            if layer.last_step:
                x = torch.cat(tuple(last), dim=-1)
        return self.dense(x)

    def named(self) -> dict[str, nn.Parameter]:
        """Return the trained weights by our names."""
        weights = {}
        for layer, lstm in zip(self.network.lstm, self.lstm, strict=True):
            for part in layer.shapes:
                theirs = NAMES[part.removeprefix("backward.")]
                reverse = "_reverse" if part.startswith("backward.") else ""
                weights[f"{layer.name}.{part}"] = getattr(lstm, theirs + reverse)
        named = {"kernel": self.dense.weight, "bias": self.dense.bias}
        return weights | {f"reconstruction.{part}": value for part, value in named.items()}


def built(network: Network, start: randomness.Weights) -> Autoencoder:
    """Return the network with weights; what is not ours, the second biases, is 0 and untrained."""
    model = Autoencoder(network).double()
    for parameter in model.parameters():
        parameter.requires_grad_(False).zero_()
    for name, parameter in model.named().items():
        parameter.copy_(torch.from_numpy(start[name].T.copy())).requires_grad_(True)
    return model


def optimizer_of(model: Autoencoder, options: dict) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer of the trained weights."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rate = options["learning_rate"]
    if options["name"] == "sgd":
        return torch.optim.SGD(trained, lr=rate, momentum=options["momentum"])
    return torch.optim.Adam(trained, lr=rate, betas=(options["beta_1"], options["beta_2"]))


def train(settings: Settings) -> dict:
    """Train a run; return its losses by epoch, the loss on test, and the last weights."""
    training, options = settings.training, settings.training.optimizer.model_dump()
    arrays = windows.of(settings.data, SEED)
    network = network_of(settings.model, *arrays.train.shape[1:])
    model = built(network, randomness.initial_weights(network, SEED))
    optimizer = optimizer_of(model, options)
    mean_squared_error = nn.MSELoss()

    def evaluate(part: np.ndarray) -> float:
        x = torch.from_numpy(part)
        with torch.no_grad():
            return float(mean_squared_error(model(x), x))

    step, train_losses, validation_losses = 0, [], []
    for epoch in range(training.epochs):
        order = randomness.batch_order(SEED, epoch, len(arrays.train))
        losses = []
        for first in range(0, len(order), training.batch_size):
            step += 1
            x = torch.from_numpy(arrays.train[order[first : first + training.batch_size]])
            if options["name"] == "adam":
                (group,) = optimizer.param_groups
                group["eps"] = options["epsilon"] / math.sqrt(1 - options["beta_2"] ** step)
            optimizer.zero_grad()
            loss = mean_squared_error(model(x), x)
            loss.backward()
            optimizer.step()
            losses += [loss.item()] * len(x)
        train_losses.append(float(np.mean(losses)))
        validation_losses.append(evaluate(arrays.validation))
    weights = {name: value.detach().numpy().T.tolist() for name, value in model.named().items()}
    return {
        "train_losses": train_losses,
        "validation_losses": validation_losses,
        "test_loss": evaluate(arrays.test),
        "weights": weights,
    }


def main() -> None:
    torch.set_num_threads(1)
    cases = {}
    for name, (changes, optimizer) in CASES.items():
        settings = {
            "data": DATA,
            "model": SIZES | changes,
            "training": {
                "epochs": 4,
                "batch_size": 4,
                "optimizer": optimizer,
                "select": "last",
                "dtype": "float64",
            },
        }
        cases[name] = {"settings": settings} | train(Settings.model_validate(settings))
    versions = {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    recorded = {"made_with": versions, "seed": SEED, "cases": cases}
    FILE.write_text(_shown(recorded) + "\n", encoding="utf-8")


def _shown(value: object, depth: int = 0) -> str:
    """Return JSON with an indented line for each name above a list, and a list on one line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    space = "  " * (depth + 1)
    entries = (f"{space}{json.dumps(key)}: {_shown(one, depth + 1)}" for key, one in value.items())
    return "{\n" + ",\n".join(entries) + "\n" + "  " * depth + "}"


if __name__ == "__main__":
    main()
