"""A variant as Keras code: a line beside its formula, and a whole module that stands alone.

The layers are those of `experiment.network`; `naming` says what activations are called, `layout`
how calls are laid out, and `cell`, `build` and `training` write the parts that `module` puts
together. `line` is what a report shows. May import `experiment`, and writes text alone: neither
TensorFlow nor Keras is imported here.
"""
