"""Children that kill themselves before the k-th line of some of our modules: what scripts of the
tests of the store and of merges have in common.
"""

import os
import signal
import sys

from processes import until


def kill_before_lines(operation, modules, *, most, step=1):
    """Carry out an operation in one child after the other, each of which is killed `step` lines
    later than the one before, until one ends by itself.

    Prints the exit code of each child, and goes on when it reads "go on" on standard input.
    """
    ours = {module.__file__ for module in modules}
    for last in range(1, most, step):
        child = os.fork()
        if child == 0:
            sys.settrace(_killer(ours, last))
            operation()
            os._exit(0)
        _, status = until(
            lambda child=child: (end := os.waitpid(child, os.WNOHANG))[0] and end, "a child's end"
        )
        print(os.waitstatus_to_exitcode(status), flush=True)
        if sys.stdin.readline() != "go on\n":
            break


def _killer(ours, last):
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename not in ours:
            return None
        if event == "line":
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace
