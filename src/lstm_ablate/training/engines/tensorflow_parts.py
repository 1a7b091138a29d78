"""Loads TensorFlow without Keras and without the parts of its interface that nobody calls.

`import tensorflow` loads Keras, with which come pandas and matplotlib. It also loads all modules of
its own interface, with which comes a second Keras. The fused engine needs none of this. Measured in
seconds of one core, an import takes 2.8 as it is, 1.9 without Keras, 1.2 without both, and 1.0 if
Python does not collect garbage meanwhile.

What is left out is loaded as soon as something uses it (`importlib.util.LazyLoader`), so that no
name is missing. If the modules of a later TensorFlow are arranged differently, this saves less, but
breaks nothing.
"""

import gc
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_INTERFACE = "tensorflow._api.v2."
# It imports the folder tensorflow/distribute. Later, that would take the place of `tf.distribute`.
_AT_ONCE = f"{_INTERFACE}distribute"


class _NotNow(Loader):
    """Refuses to load a module, so that TensorFlow takes it for one that is not installed."""

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} is not loaded together with TensorFlow")


class _Later(MetaPathFinder):
    """Has each module of TensorFlow's interface loaded when it is used, and Keras not at all.

    Keras can be imported by itself afterwards.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        ours = fullname == "keras" or fullname.startswith(_INTERFACE)
        if not ours or fullname.startswith(_AT_ONCE):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _NotNow() if fullname == "keras" else LazyLoader(spec.loader)
        return spec


def load() -> None:
    """Import TensorFlow, if it has not been imported yet."""
    if "tensorflow" in sys.modules:
        return
    finder = _Later()
    sys.meta_path.insert(0, finder)
    gc.disable()
    try:
        import tensorflow  # noqa: F401
    finally:
        gc.enable()
        sys.meta_path.remove(finder)
    gc.freeze()
