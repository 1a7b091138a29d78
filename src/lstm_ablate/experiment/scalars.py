"""What a plain scalar of YAML means: text, a number, true, false, null or nothing.

The meaning follows the core schema of YAML 1.2, but fewer scalars are numbers where YAML 1.1 and
1.2 disagree. `1e-3` is a float, while `010`, `0x10`, `12:30`, `1_000`, `no` and `on` are text. So
no number is silently read as another one.
"""

import json
import re

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.nodes import NOTHING, Nothing, Place, Scalar

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_OTHER_BLANK = re.compile(r"[^\S \t\n]")
_SMART_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b«»"
_CONSTANTS: dict[str, bool | float | Nothing | None] = {
    "": NOTHING,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".nan": float("nan"),
    ".NaN": float("nan"),
    ".NAN": float("nan"),
    **{
        sign + word: float(sign + "inf")
        for sign in ("", "+", "-")
        for word in (".inf", ".Inf", ".INF")
    },
}


def meaning(text: str, place: Place) -> Scalar:
    """Return the value of a plain scalar.

    Raises UserError if the text was probably pasted from a program that changes blanks or quotes,
    and if a number is out of range.
    """
    # YAML reads such a blank, copied from a web page, as a letter; a person sees an indent.
    if blank := _OTHER_BLANK.search(text):
        what = f"a blank that is not a space (U+{ord(blank[0]):04X})"
        raise UserError(f"{place}: {json.dumps(text)} holds {what}")
    if text[:1] in _SMART_QUOTES and text:
        raise UserError(f"{place}: {text[:80]} begins with a typographic quote; write \" or '")
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > 100:
            raise UserError(f"{place}: a whole number of {len(text)} digits is out of range")
        return int(text)
    mantissa = re.split("[eE]", text)[0]
    if _FLOAT.fullmatch(text) and any(character.isdigit() for character in mantissa):
        return _float(text, mantissa, place)
    return text


def _float(text: str, mantissa: str, place: Place) -> float:
    number = float(text)
    vanished = number == 0 and any(digit in mantissa for digit in "123456789")
    if number in (float("inf"), float("-inf")) or vanished:
        raise UserError(f"{place}: {text[:80]} is outside the range of a float")
    return number
