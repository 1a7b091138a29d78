"""The arbiter: the autoencoder written once more in NumPy float64, from the equations alone."""

import numpy as np

from lstm_ablate.experiment.activations import ACTIVATIONS


def lstm(x, kernel, recurrent_kernel, bias, candidate, output, gates):
    """x [B, T, F] -> h [B, T, U]; gates in the order i, f, g, o."""
    units = recurrent_kernel.shape[0]
    h = c = np.zeros((len(x), units))
    hs = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + h @ recurrent_kernel + bias
        i, f, g, o = (z[:, k * units : (k + 1) * units] for k in range(4))
        c = gates(f) * c + gates(i) * candidate(g)
        h = gates(o) * output(c)
        hs.append(h)
    return np.stack(hs, axis=1)


def reconstruct(model, weights, x):
    """Run the autoencoder of `settings.Model` with weights by name on windows [B, T, F]."""
    sites = [
        ACTIVATIONS[name].function for name in map(model.site, ("candidate", "output", "gates"))
    ]
    between = ACTIVATIONS[model.between].function
    timesteps = x.shape[1]
    for part, stack in (("encoder", model.encoder), ("decoder", model.decoder)):
        for k in range(len(stack)):
            names = ("kernel", "recurrent_kernel", "bias")
            x = lstm(x, *(weights[f"{part}.{k}.{name}"] for name in names), *sites)
            if (part, k) != ("decoder", len(model.decoder) - 1):
                x = between(x)
        if part == "encoder" and model.latent == "vector":
            x = np.repeat(x[:, -1:], timesteps, axis=1)
    for k in range(len(model.head.units) if model.head else 0):
        x = ACTIVATIONS[model.head.activation].function(
            x @ weights[f"head.{k}.kernel"] + weights[f"head.{k}.bias"]
        )
    return x @ weights["reconstruction.kernel"] + weights["reconstruction.bias"]


def random_weights(model, features, seed=0):
    """Weights of the right names and shapes, all random, so that no two gates or biases can be
    confused.
    """
    from lstm_ablate.experiment.network import network_of
    from lstm_ablate.training.inputs.randomness import initial_weights

    random = np.random.default_rng(seed)
    weights = initial_weights(network_of(model, 2, features), seed=0)
    return {name: random.normal(0, 0.5, value.shape) for name, value in weights.items()}
