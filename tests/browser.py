"""One Chromium that tests look at pages with, by the protocol of its developer tools."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import time

import processes

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
SECONDS = 120  # the longest that an answer may take


class Browser:
    """A browser without a window, which hears commands through a pipe.

    `heard` are the events since the last page was opened, by their names.
    """

    def __init__(self, folder):
        self.folder = folder
        ours, self._to = os.pipe()
        self._from, back = os.pipe()
        # The protocol wants its pipes at 3 and 4, and a shell puts them there.
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (ours, back)]
        redirected = 'exec "$@" 3<&{} 4>&{}'.format(*theirs)
        options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}")  # fmt: skip
        command = ["bash", "-c", redirected, "bash", CHROMIUM, *options, "--remote-debugging-pipe"]
        self._said = (folder / "said.txt").open("w")
        self._process = processes.start(
            command, pass_fds=theirs, stdout=self._said, stderr=self._said
        )
        for end in (ours, back, *theirs):
            os.close(end)
        self._buffer, self._number, self._session = b"", 0, None
        self.heard = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "CSS", "Accessibility"):
            self.call(f"{domain}.enable")

    def close(self):
        """End the browser and all of its processes."""
        self._session = None
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        processes.ended(self._process)
        self._said.close()
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **parameters):
        """Send a command; return its result, after all events that came before it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(method)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.heard.append((answer.get("method"), answer.get("params", {})))

    def _next(self, waits_for):
        end = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0, end - time.monotonic()))
            assert ready, f"waited {SECONDS} s for the browser, for {waits_for}"
            read = os.read(self._from, 1 << 20)
            assert read, f"the browser ended: {(self.folder / 'said.txt').read_text()[-2000:]}"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def open(self, page, fragment=""):
        """Open a page, given as text, and wait until it is loaded."""
        self._number += 1  # in a file of its own, so that it is not taken for the page before it
        path = self.folder / f"page{self._number}.html"
        path.write_text(page, encoding="utf-8")
        self.heard.clear()
        self.call("Page.navigate", url=f"{path.as_uri()}{fragment}")
        while not any(name == "Page.loadEventFired" for name, _ in self.heard):
            answer = self._next("a page to load")
            self.heard.append((answer.get("method"), answer.get("params", {})))

    def look(self, width=1400, height=900, *, dark=False, media="screen"):
        """Choose the screen and what the reader has set."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def ask(self, expression):
        """Return the value of a JavaScript expression, which no policy of the page forbids."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, key, code=0, text=""):
        """Press a key and let it go."""
        one = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **one)
        self.call("Input.dispatchKeyEvent", type="keyUp", **one)
