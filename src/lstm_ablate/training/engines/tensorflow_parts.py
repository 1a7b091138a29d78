"""Loads TensorFlow without Keras and without the parts of its interface that nobody calls.

`import tensorflow` loads Keras, and with it pandas and matplotlib, and all modules of its own
interface, through which comes a second Keras. The fused engine needs none of it. Measured in
seconds of one core: 2.8 as it is, 1.9 without Keras, 1.2 without both, and 1.0 where Python does
not look for garbage meanwhile.

What is left out is loaded as soon as somebody asks for it (`importlib.util.LazyLoader`), so that no
name is missing. If a later TensorFlow is laid out otherwise, this saves less and breaks nothing.
"""

import gc
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_INTERFACE = "tensorflow._api.v2."


class _NotNow(Loader):
    """Refuses to load a module, which TensorFlow takes for one that is not installed."""

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} is not loaded together with TensorFlow")


class _Later(MetaPathFinder):
    """Finds the modules of TensorFlow's interface, each to be loaded when it is used, and Keras,
    which is to be imported by itself.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras" and not fullname.startswith(_INTERFACE):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _NotNow() if fullname == "keras" else LazyLoader(spec.loader)
        return spec


def load() -> None:
    """Import TensorFlow, if nobody has done so yet."""
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
