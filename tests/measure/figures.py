"""Measures the times that docs/engines.md states; called by `make figures`, not a test."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lstm_ablate.experiment import loading, runs
from lstm_ablate.store import records

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("lstm-ablate")

# One process, 50 runs of one variant: prints the resident memory in MB after the first run and
# after the last.
GROWTH = """
import conftest
from pathlib import Path
from lstm_ablate.experiment import loading, runs
from lstm_ablate.training.engines import engine as load
from lstm_ablate.training.inputs import windows
one = loading.load(Path("../configs/smoke.yaml"), ("seeds=50", "training.epochs=3"))
engine = load("keras")
for run in runs.expand(one, "keras")[:50]:
    list(engine.train([run], [windows.of(run.settings.data, run.seed)], lambda *at: None))
    if run.seed in (0, 49):
        print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
"""


def seconds(*words: str, times: int = 5, cwd: Path = ROOT) -> float:
    """Return the median wall time of a command."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([PROGRAM, *words], check=True, capture_output=True, cwd=cwd)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def finished(folder: Path, seeds: int) -> Path:
    """Write a results folder of 5 variants, whose runs of 30 epochs are finished."""
    one = loading.load(ROOT / "configs" / "relu_vs_tanh.yaml", (f"seeds={seeds}",))
    (folder / "runs").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(
        (ROOT / "configs" / "relu_vs_tanh.yaml").read_text().replace("seeds: 10", f"seeds: {seeds}")
    )
    for run in runs.expand(one):
        loss = 0.1 + hash(run.id) % 1000 / 1e3
        result = {
            "status": "ok",
            "parameters": 151701,
            "epochs": 30,
            "best_epoch": 30,
            "train_loss": loss,
            "validation_loss": loss,
            "test_loss": loss,
            "diverged_epoch": None,
            "floor": 0.0,
            "ceiling": 1.0,
            "linear": 0.25,
            "train_losses": [loss / k for k in range(1, 31)],
            "validation_losses": [loss / k for k in range(1, 31)],
            "windows": [[loss] * 30] * 3,
            "reconstructions": [[loss] * 30] * 3,
        }
        records.publish(
            folder,
            records.Record(
                run.id, run.identity, result, {"training_seconds": 20.0, "engine": "fused"}
            ),
        )
    return folder


def tables(folder: Path) -> list[str]:
    """Write two tables of 10,000 runs, all of which differ a little, within the tolerance."""
    columns = (
        "task,variant,seed,status,epochs,best_epoch,parameters,train_loss,validation_loss,"
        "test_loss,diverged_epoch"
    )
    for name, factor in (("a", 1.0), ("b", 1 + 1e-7)):
        rows = [
            f"default,v{k},{seed},ok,30,{seed % 30},151701,"
            + f"{factor * (k + 1) / (seed + 3)!r}," * 3
            for k in range(10)
            for seed in range(1000)
        ]
        (folder / f"{name}.csv").write_text("\n".join([columns, *rows, ""]))
    return [str(folder / "a.csv"), str(folder / "b.csv")]


def main() -> None:
    """Print the figures as Markdown."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        growth = subprocess.run(
            [sys.executable, "-c", GROWTH],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
        ).stdout.split()
        rows = [
            ("`lstm-ablate --help`", f"{seconds('--help'):.2f} s"),
            (
                "`lstm-ablate plan configs/relu_vs_tanh.yaml`",
                f"{seconds('plan', 'configs/relu_vs_tanh.yaml'):.2f} s",
            ),
            ("`lstm-ablate schema`", f"{seconds('schema'):.2f} s"),
            *(
                (
                    f"`lstm-ablate report` on {5 * seeds:,} runs, with figures and page",
                    f"{seconds('report', str(finished(folder / str(seeds), seeds))):.1f} s",
                )
                for seeds in (10, 200)
            ),
            (
                "`lstm-ablate compare` of two files of 10,000 rows",
                f"{seconds('compare', *tables(folder)):.1f} s",
            ),
            (
                "the same with `--margin 10%`",
                f"{seconds('compare', *tables(folder), '--margin', '10%'):.1f} s",
            ),
            ("`lstm-ablate run configs/smoke.yaml`, from nothing", f"{smoke(folder):.1f} s"),
            (
                "the same with nothing to do",
                f"{seconds('run', 'configs/smoke.yaml', '--results', str(folder / '0')):.1f} s",
            ),
            (
                "memory that a process gains from its 2nd to its 50th run",
                f"{float(growth[1]) - float(growth[0]):.0f} MB",
            ),
        ]
    print("| what | measured |\n|---|---:|")
    print("\n".join(f"| {what} | {figure} |" for what, figure in rows))


def smoke(folder: Path) -> float:
    """Return the median time of the smoke config in a new folder."""
    return statistics.median(
        seconds("run", "configs/smoke.yaml", "--results", str(folder / str(k)), times=1)
        for k in range(3)
    )


if __name__ == "__main__":
    main()
