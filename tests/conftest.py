"""Shared by all tests: TensorFlow runs as it does in a worker, the speed of this machine is known
without measuring it, and what a test sets in the environment, or does to signals, ends with it.
"""

import gc
import os
import signal

import pytest
import stub_behaviour

from lstm_ablate.training.variables import WORKER_ENVIRONMENT

os.environ.update(WORKER_ENVIRONMENT)  # before anything imports NumPy or TensorFlow

# Here XLA compiles without optimizing, also in processes that inherit this: a program of the fused
# engine takes 1.2 s of a core then instead of 4.4. The fixture `optimizing` and the tests of
# `verify` compile as a run does, and so does all of `make test-full`.
if os.environ.get("LSTM_ABLATE_FULL") != "yes":
    os.environ["XLA_FLAGS"] = (
        "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        " --xla_cpu_use_fusion_emitters=false"
    )


def handle_signals_as_python_does():
    """Undo what nohup or a shell's & has this process and its children ignore, and what the command
    line has set, which handles signals until its process ends.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


handle_signals_as_python_does()


def pytest_collection_finish():
    """What was loaded to collect the tests stays for good: the garbage collector need not look.

    Keras collects garbage whenever it clears its session, which took 0.3 s with TensorFlow and all
    modules of the tests in memory: half of the time of hundreds of tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def speed_that_is_known(tmp_path_factory):
    """A cache of the tests says how fast both engines are, so that no plan has to measure it."""
    from lstm_ablate.training import speed

    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    for engine in ("fused", "keras"):
        speed.keep(engine, speed.Speed(3.0, 3.0, 0.1, 0.1, 2e-5, 1e-8, 1e-10))


@pytest.fixture
def no_page(monkeypatch):
    """Reports are written without their page, which would take seconds to draw for each of them."""
    from lstm_ablate.report import derived

    write, written, drawn = derived.write, [], []
    monkeypatch.setattr(derived, "write", lambda *words: written.append(words[0]) or write(*words))
    monkeypatch.setattr(derived, "_write_page", lambda folder, _: drawn.append(folder) or set())
    yield
    assert drawn == written


@pytest.fixture
def stub_engine(monkeypatch):
    """The stub engine in place of the real ones, and no page."""
    from lstm_ablate.experiment import runs
    from lstm_ablate.report import derived
    from lstm_ablate.training import sweep

    expand = runs.expand
    for room in (runs, sweep):
        monkeypatch.setattr(room, "expand", lambda one, _=None: expand(one, "stub_engine"))
    monkeypatch.setattr(derived, "_write_page", lambda folder, summary: set())


@pytest.fixture
def stub_marks(tmp_path_factory, monkeypatch):
    """A folder for the marks of the stub engine; what a config asked for must have left one."""
    monkeypatch.setenv("STUB_MARKS", str(tmp_path_factory.mktemp("marks")))
    stub_behaviour.asked.clear()
    yield
    assert not stub_behaviour.missed()


@pytest.fixture(autouse=True)
def environment_of_its_own():
    """The command line sets PYTHONSAFEPATH for its workers. This removes it again, or the processes
    of a later test would have it too.
    """
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def signals_of_its_own():
    handle_signals_as_python_does()
