"""TensorFlow as a worker of the fused engine loads it: what is left out, and that nothing is
missing.

This is tested in a process of its own, because the other tests have loaded all of it.
"""

import sys

import processes

CODE = """
import conftest
import sys
from lstm_ablate.training.engines import engine

def loaded(*names):
    return sorted(one for one in sys.modules if one.startswith(names))

unneeded = ("keras", "tensorflow.python.keras", "pandas", "matplotlib")
fused = engine("fused")
print(loaded(*unneeded), len(sys.meta_path))

import tensorflow as tf
print(tf.nn.softmax([0.0, 0.0]).numpy().tolist(), tf.data.Dataset.range(3).cardinality().numpy())
import tensorflow.distribute.experimental.rpc  # as parts of TensorFlow do that are loaded later
engine("keras")
import keras
keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])  # asks tf.distribute for a strategy
print(tf.distribute.has_strategy(), tf.distribute.has_strategy(), tf.lite.TFLiteConverter.__name__)
print(tf.keras.layers.Dense is keras.layers.Dense, len(sys.meta_path), engine("fused") is fused)
"""


def test_what_is_left_out_is_there_when_somebody_asks(tmp_path):
    done = processes.run([sys.executable, "-c", CODE], cwd="tests")

    first, second, third, fourth = done.stdout.splitlines()
    assert first.startswith("[] ")
    assert second == "[0.5, 0.5] 3"
    assert third == "False False TFLiteConverterV2"
    assert fourth == f"True {first.split()[-1]} True"
