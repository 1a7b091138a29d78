"""lstm-ablate: does a piece of a stacked LSTM matter? Activation ablations, paired by seed, from
one YAML file.
"""

__version__ = "0.2.0.dev0"
