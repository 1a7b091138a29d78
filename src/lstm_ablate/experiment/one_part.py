"""What an activation of the encoder or the decoder alone is: a list of names for all layers."""

from typing import Any

from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.settings import SITES, Settings

# The name at each site where none is written. `activation` sets candidate and output, which agree.
_USUAL: dict[str, Any] = {site: Settings().model.site(site) for site in SITES}
_USUAL["activation"] = _USUAL["candidate"]

OTHER = {"encoder": "decoder", "decoder": "encoder"}  # of each part the other


def names(part: str, site: str, name: str, model: Node) -> list[Any]:
    """Return the name of an activation for each layer of the encoder or the decoder, among those of
    the others; of `between` for each seam within it. Nothing where there is none.
    """
    encoder, decoder = (_depth(model.entries.get(stack), model) for stack in OTHER)
    before = model.entries.get(site)
    others = before.value if before and isinstance(before.value, str) else _USUAL[site]
    own = {"encoder": encoder, "decoder": decoder}[part] - (site == "between")
    every = encoder + decoder - (site == "between")
    rest = [others] * (every - own)
    return ([name] * own + rest if part == "encoder" else rest + [name] * own) if own else []


def _depth(stack: Node | None, model: Node) -> int:
    """Return how many layers are written; of a decoder that is not, those of the encoder."""
    stack = stack or model.entries.get("encoder")
    if stack and isinstance(stack.value, list):
        return len(stack.value)
    layers = stack.entries.get("layers") if stack else None
    return int(layers.value) if layers and isinstance(layers.value, int) else 2
