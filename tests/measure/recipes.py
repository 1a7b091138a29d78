"""Carries out the commands of docs/recipes.md, and writes what they print into the page; called by
`make recipes`, not a test.

With the path of a folder it works there, and trains nothing again that is recorded in it.
"""

import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "recipes.md"
PROGRAM = Path(sys.executable).with_name("lstm-ablate")
COLUMNS = 100
INDENT = " " * 6  # of what a wrapped line goes on with; no other line begins with just as many

# A config, commands and an answer: each kind of block, as a page in Markdown has it.
BLOCK = re.compile(r"^```(yaml|sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEGEND = re.compile(r"^typical loss: .*?\sverdict\s+takes\.\n", re.DOTALL | re.MULTILINE)


def answer(printed: str) -> str:
    """Return what a command printed as the page shows it: with wrapped lines, and without the
    paragraph on the columns, which the page shows once.
    """
    lines = [line.rstrip() for line in LEGEND.sub("", printed).splitlines()]
    wrapped = [
        textwrap.fill(line, COLUMNS, subsequent_indent=INDENT, break_on_hyphens=False)
        if len(line) > COLUMNS
        else line
        for line in lines
    ]
    return "\n".join(wrapped).strip("\n") + "\n"


def unwrapped(shown: str) -> str:
    """Return an answer of the page with its lines as they were printed."""
    return re.sub(rf"\n{INDENT}(?=\S)", " ", shown)


def carried_out(script: str, folder: Path) -> str:
    """Carry out the commands of a block in a folder, and return what the last one prints."""
    printed = ""
    for line in script.splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "lstm-ablate":
            words[0] = str(PROGRAM)
        done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
        printed = done.stdout
    return printed


def main() -> None:
    """Write the page anew, answer by answer."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch).resolve()
        parts, end, printed, legend = [], 0, "", ""
        for block in BLOCK.finditer(text):
            kind, content = block.groups()
            parts.append(text[end : block.start(2)])
            end = block.end(2)
            if kind == "yaml":
                name = content.partition("name: ")[2].partition("\n")[0]
                (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
            if kind == "sh":
                printed = carried_out(content, folder)
                legend = legend or "".join(LEGEND.findall(printed)[:1])
            if kind == "text":  # the last one is below no command
                content, printed = answer(printed) if printed else legend.strip() + "\n", ""
            parts.append(content)
        PAGE.write_text("".join([*parts, text[end:]]), encoding="utf-8")


if __name__ == "__main__":
    main()
