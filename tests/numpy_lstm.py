"""The arbiter: the autoencoder, written again in NumPy float64 from nothing but its equations."""

import numpy as np

from lstm_ablate.experiment.activations import activation


def clipped(x, limit):
    return x if limit is None else np.clip(x, -limit, limit)


def lstm(
    x, kernel, recurrent_kernel, bias, candidate, output, gates,
    peepholes=None, projection=None, cell_clip=None, projection_clip=None,
):  # fmt: skip
    """x [B, T, F] -> m [B, T, n]; gates in the order i, f, g, o; peepholes of i, f, o."""
    units = len(bias) // 4
    p_i, p_f, p_o = np.zeros((3, units)) if peepholes is None else peepholes
    c = np.zeros((len(x), units))
    m = np.zeros((len(x), len(recurrent_kernel)))
    ms = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + m @ recurrent_kernel + bias
        z_i, z_f, z_g, z_o = (z[:, k * units : (k + 1) * units] for k in range(4))
        i, f = gates(z_i + p_i * c), gates(z_f + p_f * c)
        c = clipped(f * c + i * candidate(z_g), cell_clip)
        m = gates(z_o + p_o * c) * output(c)
        if projection is not None:
            m = clipped(m @ projection, projection_clip)
        ms.append(m)
    return np.stack(ms, axis=1)


def direction(model, weights, prefix, x, sites):
    """Run the layer's direction whose weights begin with a prefix: x [B, T, F] -> m [B, T, n]."""
    basic = (weights[f"{prefix}{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
    peepholes = [weights[f"{prefix}peephole_{gate}"] for gate in "ifo" if model.peepholes]
    projection = weights[f"{prefix}projection"] if model.projection else None
    clips = model.cell_clip, model.projection_clip
    return lstm(x, *basic, *sites, peepholes or None, projection, *clips)


def normalized(h, gamma, beta):
    """Return the layer normalization of Ba et al. 2016, equation 4, with the epsilon of Keras."""
    variance = np.var(h, axis=-1, keepdims=True)
    return gamma * (h - np.mean(h, axis=-1, keepdims=True)) / np.sqrt(variance + 1e-3) + beta


def reconstruct(model, weights, x):
    """Run the autoencoder of `settings.Model` with weights by name on windows [B, T, F]."""
    timesteps, place = x.shape[1], 0
    for part, stack in (("encoder", model.encoder), ("decoder", model.decoder)):
        for k in range(len(stack)):
            name, last = f"{part}.{k}.", k == len(stack) - 1
            own = {key.removeprefix(name): weights[key] for key in weights if key.startswith(name)}
            sites = [
                activation(model.places(site)[place]).function
                for site in ("candidate", "output", "gates")
            ]
            h = forward = direction(model, own, "", x, sites)
            if model.bidirectional in (True, part):
                backward = direction(model, own, "backward.", x[:, ::-1], sites)[:, ::-1]
                h = np.concatenate([forward, backward], axis=-1)
            if model.residual and place and h.shape[-1] == x.shape[-1]:
                h = x + h
            if part == "encoder" and last and model.latent == "vector":
                n = forward.shape[-1]  # the backward direction ends at the first time step
                h = np.concatenate([h[:, -1:, :n], h[:, :1, n:]], axis=-1)
            if not (part == "decoder" and last):
                if model.normalization == "layer":
                    h = normalized(h, own["normalization.gamma"], own["normalization.beta"])
                h = activation(model.places("between")[place]).function(h)
            x, place = h, place + 1
        if part == "encoder" and model.latent == "vector":
            x = np.repeat(x, timesteps, axis=1)
    for k in range(len(model.head.units) if model.head else 0):
        x = activation(model.head.activation).function(
            x @ weights[f"head.{k}.kernel"] + weights[f"head.{k}.bias"]
        )
    return x @ weights["reconstruction.kernel"] + weights["reconstruction.bias"]


def random_weights(model, features, seed=0):
    """Return weights with the right names and shapes.

    All are random, so that no two gates or biases can be confused.
    """
    from lstm_ablate.experiment.network import network_of
    from lstm_ablate.training.inputs.randomness import initial_weights

    random = np.random.default_rng(seed)
    weights = initial_weights(network_of(model, 2, features), seed=0)
    return {name: random.normal(0, 0.5, value.shape) for name, value in weights.items()}
