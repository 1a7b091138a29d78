"""What every executor promises, of the local one and of the one on a Ray cluster; and what becomes
of a sweep when processes, nodes and drivers of a cluster come and go.

All of it stands in one file, so that it shares one cluster: two nodes with a core each, which are
processes on this machine. The engine is a stub wherever TensorFlow is not what is tested.
"""

import contextlib
import json
import os
import re
import signal
import sys
import time
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from executor_work import ResourceExhaustedError, ran
from faults import AT_ONCE, SOURCES, config, derived, lines, recorded, start
from processes import alive, ended, until
from ray.cluster_utils import Cluster
from stub_behaviour import Behaviour, happened, let_go

import lstm_ablate
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import loading
from lstm_ablate.store import records
from lstm_ablate.training import places, sweep
from lstm_ablate.training.executors import (
    Done,
    Failed,
    Progress,
    local,
    ray_cluster,
    ray_groups,
    ray_versions,
)

# Seconds of silence before a process is killed. The local executor counts from the start of the
# process, which takes seconds where others work too; that of Ray from its first sign of life.
PATIENCE = {"local": 5, "ray": 3}


# A node that is killed is given up after 2 s instead of 15, and one that is slow as late as ever.
HEALTH = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
STORE = 80 * 2**20  # bytes, the least that Ray takes


class Nodes:
    """A cluster on this machine, with the folder of the marks that stub engines leave there."""

    def __init__(self, marks):
        self.marks = marks
        path = f"{SOURCES}{os.pathsep}{Path(__file__).parent}"
        self.environment = {"PYTHONPATH": path, "STUB_MARKS": marks}
        self.count = 0
        self.cluster = Cluster()

    def add(self, **options):
        """Start a node and return it; a node takes a second to start."""
        self.count += 1
        given = {
            "num_cpus": 1,
            "object_store_memory": STORE,
            "node_name": f"node-{self.count}",
            "env_vars": self.environment,
        }
        return self.cluster.add_node(**given | options)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two nodes; what they have in their environment, their processes have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Nodes(str(tmp_path_factory.mktemp("marks")))
        try:
            made.add(include_dashboard=False, _system_config=HEALTH)
            made.add()
            yield made
        finally:
            made.cluster.shutdown()


class OnRay:
    """The executor on these nodes, and what was told of them."""

    def __init__(self, cluster, told):
        self.execute = ray_groups.on_cluster(cluster)
        self.cluster = cluster
        self.told = told

    @property
    def names(self):
        return [slot.node.name for slot in self.cluster.slots]


@pytest.fixture(scope="module")
def connection(nodes):
    told = []
    with connected(nodes, told) as cluster:
        yield OnRay(cluster, told)


@contextlib.contextmanager
def one_more(nodes, **options):
    """Have another node for a while."""
    node = nodes.add(**options)
    try:
        yield node
    finally:
        nodes.cluster.remove_node(node)


def asked_for(address, told, gpus=False, memory_bytes=0):
    return ray_cluster.connected(
        address, gpus=gpus, memory_bytes=memory_bytes, log=told.append, warn=told.append
    )


def connected(nodes, told, **options):
    return asked_for(nodes.cluster.address, told, **options)


@pytest.fixture
def on_ray(connection, monkeypatch, nodes):
    connection.told.clear()
    monkeypatch.setenv("STUB_MARKS", nodes.marks)
    for mark in Path(nodes.marks).iterdir():
        mark.unlink()
    return connection


@pytest.fixture(params=["local", "ray"])
def name(request):
    return request.param


@pytest.fixture
def execute(name, request):
    return local.execute if name == "local" else request.getfixturevalue("on_ray").execute


def oom_score(group, send):
    return Path("/proc/self/oom_score_adj").read_text()


def test_values_messages_and_environment_come_through(execute):
    events = list(ran(execute, [("tell", 3), ("give", "x")]))
    done = {event.group: event.value for event in events if isinstance(event, Done)}
    workers = {event.group: str(event.worker) for event in events if isinstance(event, Done)}
    assert {group: value[1:] for group, value in done.items()} == {
        0: (workers[0], 3),
        1: (workers[1], "x"),
    }
    assert "LSTM_ABLATE_TEST" not in os.environ
    assert [e.message for e in events if isinstance(e, Progress) and e.group == 0] == [0, 1, 2]
    assert all(value[0] != os.getpid() for value in done.values())


def test_no_message_is_lost_and_all_come_before_the_end(execute):
    events = list(ran(execute, [("tell", 2000), ("tell", 1000)]))
    for group, count in ((0, 2000), (1, 1000)):
        mine = [event for event in events if event.group == group]
        assert [event.message for event in mine[:-1]] == list(range(count))
        assert isinstance(mine[-1], Done)


def test_a_flood_of_messages_holds_up_no_other_worker(execute, tmp_path):
    """The third group ends the flood; it begins once the driver has noticed the second's end."""
    groups = [("flood", tmp_path / "end"), ("give", 0), ("touch", tmp_path / "end")]
    ends = [event for event in ran(execute, groups) if not isinstance(event, Progress)]
    assert Counter(type(event) for event in ends) == {Done: 3}


def test_a_message_of_any_length_arrives_whole(execute):
    events = list(ran(execute, [("long", 1_000_000)]))
    assert [len(event.message) for event in events[:-1]] == [1_000_000]
    assert isinstance(events[-1], Done)


def test_failures_cost_their_own_group_only(execute, name):
    groups = [("give", 1), ("raise", "luck"), ("die", 0), ("give", 3), ("give", 2)]
    events = list(ran(execute, groups))
    assert {event.group for event in events if isinstance(event, Done)} == {0, 3, 4}
    failed = {event.group: event for event in events if isinstance(event, Failed)}
    assert failed.keys() == {1, 2}
    assert failed[1].message == "ValueError: no luck"
    assert "in work" in failed[1].log  # its traceback
    told = {
        "local": "its process ended with exit code 9",
        "ray": "its process on node-",  # Ray does not say how it ended
    }
    assert failed[2].message.startswith(told[name])
    assert "last words" in failed[2].log


def test_a_log_tells_of_one_group(execute):
    events = list(ran(execute, [("die", 0), ("die", 1), ("raise", "luck")], workers=1))
    assert {event.group: "last words" in event.log for event in events} == {
        0: True,
        1: True,
        2: False,
    }


def test_what_tensorflow_calls_out_of_memory_is_told_as_that(execute):
    (event,) = ran(execute, [("raise", ResourceExhaustedError("no room"))])
    assert event.message == "out of memory: ResourceExhaustedError: no room"


@pytest.mark.skipif(not os.access("/proc/self/oom_score_adj", os.W_OK), reason="Linux alone has it")
def test_where_memory_runs_out_a_worker_goes_before_its_driver(execute):
    (event,) = execute(oom_score, [0], key=str, workers=1, environment=lambda worker: {})
    assert int(event.value) >= 500 > int(oom_score(0, None))


def test_time_that_the_driver_slept_through_is_no_silence(execute, name, monkeypatch):
    """As in a suspended machine: between two turns hours pass."""
    hours = iter(range(0, 10**9, 3600))
    clock = types.SimpleNamespace(monotonic=lambda: next(hours))
    monkeypatch.setattr({"local": local, "ray": ray_groups}[name], "time", clock)
    events = list(ran(execute, [("sleep", 1.5)], timeout=60))
    assert isinstance(events[-1], Done)
    assert next(hours) > 2 * 3600  # the driver looked at this clock, and more than an hour passed


def test_a_process_that_stops_amid_a_message_holds_nobody_up(execute, name):
    patience = PATIENCE[name]
    events = [
        event
        for event in ran(execute, [("stop", 0.3), ("give", 0), ("give", 1)], timeout=patience)
        if not isinstance(event, Progress)
    ]
    assert [event.group for event in events] == [1, 2, 0]
    silent = f"its process gave no sign of life for {patience} s (execution.timeout)"
    assert events[-1].message == silent


def test_a_sign_of_life_renews_the_patience(execute, name):
    groups = [("slow", PATIENCE[name] + 2)]
    *_, done = ran(execute, groups, timeout=PATIENCE[name])
    assert isinstance(done, Done)


def test_groups_of_one_key_stay_with_one_worker(execute):
    groups = [(key, 0.1) for key in ("one", "two", "three", "four") for _ in range(5)]
    events = list(ran(execute, groups))
    assert Counter(type(event) for event in events) == {Done: 20}
    setups = {(event.value[0], groups[event.group][0]) for event in events}
    assert len(setups) <= 5  # four keys, and one that the worker without work joins at the end


def test_what_the_driver_does_meanwhile_is_done_once_while_the_processes_start(execute):
    called = []
    events = ran(execute, [("give", k) for k in range(3)], meanwhile=lambda: called.append(1))
    assert called == []
    next(events)
    assert called == [1]
    assert len(list(events)) == 2 and called == [1]


def test_closing_ends_the_work(execute):
    events = ran(execute, [("give", 0), ("sleep", 3600)])
    told = [next(events) for _ in range(2)]
    (worker,) = (event.message for event in told if isinstance(event, Progress))
    assert alive(worker)
    events.close()
    until(lambda: not alive(worker), "the end of a worker whose driver has closed", AT_ONCE)


# ------------------------------------------------------------------------------ on a cluster alone


def test_a_process_that_is_killed_is_an_attempt_of_its_group(on_ray):
    ends = {}
    for event in ran(on_ray.execute, [("sleep", 3600), ("give", 1), ("give", 2)]):
        ends[event.group] = event
        if isinstance(event, Progress):
            os.kill(event.message, signal.SIGKILL)
    assert isinstance(ends[0], Failed) and "died, as it does where the system" in ends[0].message
    assert isinstance(ends[2], Done) and on_ray.told == []


def test_a_node_that_joins_gets_work_and_one_that_goes_gives_it_back(on_ray, nodes):
    """While every core of two nodes is taken a third one joins; it is killed with a group at work,
    and another one than the third ends that group.
    """
    groups = [("sleep", 1.5)] * 9
    events, ends, third, killed = ran(on_ray.execute, groups, workers=9), [], None, None
    for event in events:
        if third is None:
            third = nodes.add()
        if killed is None and "node-3" in on_ray.names:
            place = next(slot.index for slot in on_ray.cluster.slots if slot.node.name == "node-3")
            if isinstance(event, Progress) and event.worker == place:
                nodes.cluster.remove_node(third, allow_graceful=False)
                killed = event
        if not isinstance(event, Progress):
            ends.append(event)
    assert Counter(type(event) for event in ends) == {Done: 9}
    again = next(event for event in ends if event.group == killed.group)
    assert again.worker != killed.worker
    assert on_ray.told == [
        "Ray: node-3 has joined with 1 worker",
        "Ray: node-3 is gone; the other nodes get what it had at work",
    ]


def test_a_node_of_other_versions_is_found_before_it_gets_work(on_ray, nodes, tmp_path):
    """It joins while a driver works, which tells it; a driver that comes later does not begin."""
    package = tmp_path / "tensorflow-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 1.0\n")
    path = f"{tmp_path}{os.pathsep}{nodes.environment['PYTHONPATH']}"
    has = f"Ray: old has tensorflow 1.0 (here {ray_versions.own()['tensorflow']})"

    def looked():
        on_ray.cluster.look()
        return on_ray.told

    with one_more(nodes, env_vars={"PYTHONPATH": path}, node_name="old"):
        until(looked, "what is wrong with a node", 60)
        assert on_ray.told == [f"{has}; it gets no work"] and "old" not in on_ray.names
        with pytest.raises(UserError, match="old has") as raised, connected(nodes, []):
            raise AssertionError("a driver begins beside a node of other versions")
        assert raised.value.problems == (has,)


def test_other_code_under_the_same_version_is_a_difference():
    ours = ray_versions.own()
    assert ray_versions.differences(ours, ours) == ""
    assert ray_versions.asked()() == ours
    theirs = {**ours, "code": "0", "numpy": "missing"}
    assert ray_versions.differences(theirs, ours) == f"numpy missing (here {ours['numpy']})"
    told = "other code of lstm-ablate than here, under the same version"
    assert ray_versions.differences({**ours, "code": "0"}, ours) == told


def seen_gpus(group, send):
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_what_a_group_needs_decides_which_nodes_get_it(on_ray, nodes):
    """Ray only counts what a node says that it has, so that a GPU need not be there."""
    told, variables = [], {"CUDA_VISIBLE_DEVICES": "7"}
    with (
        one_more(nodes, num_gpus=1, node_name="gpu"),
        connected(nodes, told, gpus=True) as cluster,
    ):
        assert [slot.node.name for slot in cluster.slots] == ["gpu"]
        (event,) = OnRay(cluster, told).execute(
            seen_gpus, [0], key=str, workers=9, environment=lambda _: variables
        )
        assert event.value == "0"  # its own, and not the driver's
    lacks = [f"Ray: node-{k} lacks a GPU for a worker; it gets no work" for k in (1, 2)]
    assert sorted(told[:-1]) == lacks and told[-1] == "Ray: 1 node, 1 worker"
    lacks = "lacks 1000000.0 GB of memory for a worker"
    with pytest.raises(UserError, match=lacks), connected(nodes, [], memory_bytes=10**15):
        raise AssertionError("a driver begins where no node has the memory")
    (event,) = on_ray.execute(seen_gpus, [0], key=str, workers=1, environment=lambda _: {})
    assert event.value == ""  # without GPUs here, none is seen there


TINY = """
version: 1
name: tiny
data: {family: file, path: own.npy}
model: {encoder: [3], decoder: [3]}
training: {epochs: 2, batch_size: 4}
seeds: 2
baseline: tanh
variants:
  tanh: {}
"""


def test_the_users_own_data_travels_and_tensorflow_gives_the_bits_of_the_local_executor(
    on_ray, tmp_path
):
    (tmp_path / "tiny.yaml").write_text(TINY)
    own = tmp_path / "own.npy"
    np.save(own, np.random.default_rng(3).normal(size=(20, 5, 2)))
    experiment = loading.load(tmp_path / "tiny.yaml", ())

    def results(execute, **options):
        folder = tmp_path / execute.__name__
        (folder / "runs").mkdir(parents=True)
        todo = sweep.plan(experiment, records.read_all(folder))
        steps = sweep.train(
            todo, folder, execute=execute, workers=1, config_folder=tmp_path, **options
        )
        return {step.run.id: step.record.result for step in steps if hasattr(step, "record")}

    def where_no_file_is(work, groups, **options):
        own.rename(tmp_path / "gone.npy")
        return on_ray.execute(work, groups, **options)

    expected = results(local.execute)
    assert len(expected) == 2 and all(result["status"] == "ok" for result in expected.values())
    assert results(where_no_file_is, with_files=True) == expected


# ---------------------------------------------------------------------------------- its drivers


def drive(nodes, path, results, *words, **environment):
    """Start a driver with the stub engine on these nodes."""
    address = ("--executor", "ray", "--address", nodes.cluster.address)
    return start("run", path, "--results", results, *address, *words, **environment)


def at_work(nodes):
    """Return the processes of the nodes that have a group; Ray calls a process by what it does."""
    raylets = {
        info.process.pid
        for node in nodes.cluster.list_all_nodes()
        for info in node.all_processes["raylet"]
    }
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in raylets and b"ray::carry_out" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


def without_seconds(printed):
    return re.sub(r"[0-9.]+ s a run", "", printed)


def test_a_signal_keeps_what_is_done_and_going_on_gives_the_bytes_of_the_local_executor(
    on_ray, nodes, tmp_path
):
    path = config(tmp_path, waits=Behaviour.WAITS)
    folder, acks = tmp_path / "ray" / "stub", tmp_path / "acks"
    first = drive(nodes, path, folder.parent, STUB_ACKS=str(acks))
    until(
        lambda: first.poll() is not None or (recorded(folder) >= 3 and at_work(nodes)),
        "three runs that are kept, and one at work",
    )
    begin = time.monotonic()
    first.send_signal(signal.SIGTERM)  # for which Ray has a handler of its own
    _, said = ended(first)
    print(f"stopped after {time.monotonic() - begin:.1f} s")
    kept, acknowledged = records.read_all(folder).records.keys(), set(lines(acks))
    assert first.returncode == 128 + signal.SIGTERM and len(kept) < 6
    # The signal may come between the writing of a record and its acknowledgement.
    assert acknowledged <= kept and len(kept - acknowledged) <= 1
    until(lambda: not at_work(nodes), "the end of all work without a driver", AT_ONCE)
    let_go()
    again = drive(nodes, path, folder.parent, "-q")
    here = start("run", path, "--results", tmp_path / "local", "-q")
    out, err = ended(again)
    assert again.returncode == 0 and err == "", err
    # The table, but for the seconds that it took, and nothing that Ray says.
    assert without_seconds(out) == without_seconds(ended(here)[0])
    assert derived(folder) == derived(tmp_path / "local" / "stub")
    assert said.splitlines()[0] == "Ray: 2 nodes, 2 workers"


def test_a_driver_that_is_killed_leaves_nobody_at_work(on_ray, nodes, tmp_path):
    """One process hangs, another one is stopped and hears nothing."""
    path = config(tmp_path, hangs=Behaviour.HANGS, stops=Behaviour.STOPS)
    driver = drive(nodes, path, tmp_path, "seeds=[1]")
    until(
        lambda: happened(Behaviour.HANGS) and happened(Behaviour.STOPS), "two runs that are stuck"
    )
    assert len(at_work(nodes)) == 2 and recorded(tmp_path / "stub") == 1
    driver.kill()
    begin = time.monotonic()
    until(lambda: not at_work(nodes), "the end of all work without a driver", AT_ONCE)
    print(f"nobody at work after {time.monotonic() - begin:.1f} s")
    ended(driver)


def test_what_kills_processes_is_tried_twice_and_nothing_of_ray_is_printed(on_ray, nodes, tmp_path):
    path = config(tmp_path, killed=Behaviour.KILLED)
    driver = drive(nodes, path, tmp_path, "seeds=[1, 3]", "-q", "--json")
    out, err = ended(driver)
    assert driver.returncode == 3 and err == "" and out.startswith("{")
    assert json.loads(out)["name"] == "stub"
    assert happened(Behaviour.KILLED) == 3  # seed 1 twice, seed 3 the first time
    failed = [
        record.result["message"]
        for record in records.read_all(tmp_path / "stub").records.values()
        if record.status == "failed"
    ]
    assert len(failed) == 1 and failed[0].startswith("its process on node-")


# ------------------------------------------------------------------------------- no cluster at all


def test_without_ray_the_message_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"install lstm-ablate\[ray\]"), asked_for(None, []):
        raise AssertionError("there is no Ray")


class FakeRay:
    """A Ray that finds no cluster; it remembers how it was asked for one."""

    def __init__(self):
        self.asked, self.folder = [], None
        services = types.SimpleNamespace(canonicalize_bootstrap_address_or_die=self.find)
        self._private = types.SimpleNamespace(worker=types.SimpleNamespace(), services=services)

    def is_initialized(self):
        return False

    def init(self, **options):
        self.asked.append(options)
        self.folder = Path.cwd()
        signal.signal(signal.SIGTERM, lambda *_: None)  # as Ray does

    def find(self, address):
        raise ConnectionError("Could not find any running Ray instance.\nAnd more.")

    def nodes(self):
        return []

    def shutdown(self):
        self.asked.append("the end")


@pytest.fixture
def fake_ray(monkeypatch):
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return fake


def test_where_no_cluster_runs_one_is_started_here_small_and_without_a_dashboard(fake_ray):
    told, before = [], signal.getsignal(signal.SIGTERM)
    with asked_for(None, told):
        (started,) = fake_ray.asked
    assert started["address"] == "local" and started["log_to_driver"] is False
    assert started["include_dashboard"] is False and started["object_store_memory"] < 2**28
    assert told[0].startswith("Ray: no cluster runs here; starting one on ")
    assert fake_ray.asked[-1] == "the end"
    assert signal.getsignal(signal.SIGTERM) is before
    # Workers can import what lies there, and so nothing of the working folder.
    assert fake_ray.folder == Path(lstm_ablate.__file__).parents[1] != Path.cwd()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] == "0"


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "nowhere", "ray://127.0.0.1:10001"])
def test_an_address_without_a_cluster_is_told(fake_ray, address):
    with pytest.raises(UserError) as raised, asked_for(address, []):
        raise AssertionError("there is no cluster")
    assert address in str(raised.value) and "And more" not in str(raised.value)
    assert ("cannot stream" in str(raised.value)) == address.startswith("ray://")
    assert fake_ray.asked == []  # Ray would try for minutes


def test_an_address_needs_the_executor_that_takes_one(tmp_path):
    experiment = loading.load(config(tmp_path), ())
    with pytest.raises(UserError, match="--address auto: needs --executor ray"):
        places.check(experiment, None, "auto")
    with pytest.raises(UserError, match="executor: local or ray is needed; found 'dask'"):
        places.check(experiment, "dask", None)
    on_ray = loading.load(config(tmp_path), ("execution.executor=ray",))
    places.check(on_ray, None, "auto")
    with pytest.raises(UserError, match="needs --executor ray"):
        places.check(on_ray, "local", "auto")
