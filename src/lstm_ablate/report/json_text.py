"""Values as JSON text, for other programs."""

import json
import math
from typing import Any


def json_text(content: Any) -> str:
    """Return content as indented JSON. JSON has no infinite numbers, so they become null."""
    return json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and math.isinf(content) else content
