"""A terminal as far as a table that changes in place needs one, and what a person would see on it.

It breaks a line that is too long, and moves and erases at its cursor. Made narrower, it breaks the
lines that are there anew, with the cursor where it was in the text; so do those of GNOME, KDE,
macOS and Windows.
"""

import re

_STEPS = re.compile(r"\x1b\[(\?25[hl]|[\d;]*[A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Terminal:
    """Its last `rows` lines are on the screen; a line that is broken `goes_on` in the next one."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.goes_on = [""], [False]
        self.row = self.column = 0
        self.cursor_shown = True

    def feed(self, text):
        """Take what a program writes, as a terminal driver passes it on."""
        end = 0
        for step in _STEPS.finditer(text):
            assert step.start() == end, text[end : end + 20]
            end = step.end()
            steering, moved, written = step.groups()
            if steering:
                self._steer(steering)
            elif moved:
                self.column = 0
                if moved == "\n":
                    self._down()
            else:
                self._write(written)
        assert end == len(text), text[end:]

    def _steer(self, code):
        if code.startswith("?25"):
            self.cursor_shown = code == "?25h"
        elif code[-1] == "A":
            top = max(0, len(self.lines) - self.rows)
            self.row = max(top, self.row - int(code[:-1] or 1))
        elif code == "2K":
            self.lines[self.row], self.goes_on[self.row] = "", False
        else:
            assert code[-1] == "m", code  # colours

    def _down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")
            self.goes_on.append(False)

    def _write(self, text):
        for letter in text:
            if self.column == self.columns:
                self.goes_on[self.row] = True
                self._down()
                self.column = 0
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1

    def resize(self, columns, rows):
        """Become wider or narrower, higher or lower."""
        while len(self.lines) > self.row + 1 and not self.lines[-1].strip():
            self.lines.pop()  # what is empty below the cursor is given up first
        lines, place = [""], (0, 0)
        for k, line in enumerate(self.lines):
            if k == self.row:
                place = len(lines) - 1, len(lines[-1]) + self.column
            lines[-1] += line
            if not self.goes_on[k] and k < len(self.lines) - 1:
                lines.append("")
        self.columns, self.rows = columns, rows
        self.lines, self.goes_on = [], []
        for k, line in enumerate(lines):
            parts = [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
            if k == place[0]:
                down = min(place[1] // columns, len(parts) - 1)
                self.row, self.column = len(self.lines) + down, place[1] - down * columns
            self.lines += parts
            self.goes_on += [True] * (len(parts) - 1) + [False]

    def seen(self):
        """Return what can be read, also what has left the screen at its top, to the last text."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n").split("\n")
