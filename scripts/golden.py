"""Compare what two commits compute, bit for bit, on this machine.

    python scripts/golden.py OLD NEW [--updates 12] [--only agents] [--keep FOLDER]

Each commit is checked out into a temporary folder and runs the same commands there, in small: the
quickstart, a run of every agent that is gone on with, and paintings by various strokes and
painters. Only `run.py` and the files that runs leave are used, so that the two may be laid out
differently. Every difference is a line; the exit code is 1 if there is one.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# What the machine decides, and not the code.
UNLIKE = ("seconds", "peak_memory_mb", "git_commit", "device")
# Runs every line of arguments that it gets in a process of its own; what takes long to load is
# loaded once, before, and is none of the project's.
SERVER = """
import json, os, runpy, sys
import hydra, matplotlib.pyplot, numba, pytorch_lightning, sklearn.datasets, torchmetrics
print(flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        sys.argv = ["run.py", *json.loads(line)]
        os.dup2(2, 1)
        runpy.run_path(sys.path[0] + "/run.py", run_name="__main__")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
TRAIN = (
    "task=train experiment=quickstart data.val_limit=16 data.test_limit=16 trainer=cpu logger=none "
    "trainer.val_check_interval=2 callbacks.metrics_csv.every=2"
)
# Three updates to a rollout: the first of the two runs ends in the middle of a rollout's group.
AGENT = (
    f"{TRAIN} bundle=2 batch_size=4 replay.episodes=8 agent.updates_per_rollout=3 agent.tau=0.1 "
    "agent.warmup_env_steps=3 agent.actor.width=8 agent.critic.width=8"
)
PAINT = "task=paint image=photo.png strokes=20 export=[]"
OPTIMIZE = f"{PAINT} painter.work_size=64 painter.steps=12"
PAINTINGS = {
    "bezier": OPTIMIZE,
    "circle": f"{OPTIMIZE} stroke=circle",
    "line": f"{OPTIMIZE} stroke=line stroke.opaque=true",
    "rectangle": f"{OPTIMIZE} stroke=rectangle",
    "triangle": f"{OPTIMIZE} stroke=triangle canvas.background=[1,1,1]",
    "pixel": f"{OPTIMIZE} stroke=pixel",
    "ink": f"{OPTIMIZE} stroke=ink",
    "brush": f"{OPTIMIZE} stroke=brush stroke.image=brush.png stroke.max_width=0.2",
    "agent": f"{PAINT} agent.weights=photos painter=agent painter.refine=0",
    "refined": f"{PAINT} agent.weights=photos painter=agent painter.refine=8",
}


@dataclass
class Side:
    """One of the two commits: where it runs, and what runs its commands."""

    folder: Path
    server: "subprocess.Popen[str]"
    failures: int = 0

    def run(self, arguments: str, folder: str) -> None:
        """Run run.py into a run folder; where it fails, count that, and print what it said last."""
        words = [*arguments.split(), f"hydra.run.dir={folder}"]
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps(words), file=self.server.stdin, flush=True)
        if (code := self.server.stdout.readline().strip()) != "0":
            self.failures += 1
            said = (self.folder / "log").read_text(errors="replace")[-500:]
            print(f"{self.folder.name}: run.py {' '.join(words)}: exit code {code}\n{said}")


@contextlib.contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Side]:
    """A commit in a folder of its own, with a process that runs its commands."""
    code = folder / "code"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(code), commit], check=True)
    env = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "1"}
    try:
        with (folder / "log").open("w") as log:
            command, pipe = [sys.executable, "-P", "-c", SERVER], subprocess.PIPE
            server = subprocess.Popen(
                command, cwd=folder, env=env, text=True, stdin=pipe, stdout=pipe, stderr=log
            )
            with server:
                assert server.stdout is not None
                server.stdout.readline()
                yield Side(folder, server)
    finally:
        subprocess.run([*git, "remove", "--force", str(code)], check=True)


def run_all(side: Side, updates: int, only: str) -> None:
    """Run everything that is compared, or a part of it."""
    import skimage
    from PIL import Image

    pictures = Path(skimage.__path__[0]) / "data"  # they come with the package
    Image.open(pictures / "astronaut.png").resize((128, 128)).save(side.folder / "photo.png")
    Image.open(pictures / "camera.png").resize((64, 64)).save(side.folder / "brush.png")
    if only in ("", "quickstart"):
        few = f"updates={updates} trainer.val_check_interval={updates // 3 or 1} trainer=cpu"
        pretrain = "task=pretrain experiment=quickstart_renderer task.judged_strokes=64 logger=none"
        side.run(f"{pretrain} {few} callbacks.metrics_csv.every=2", "renderer")
        through = "renderer=neural renderer.weights=renderer renderer.allow_untrained=true"
        side.run(f"{TRAIN} {few} {through}", "quickstart")
    agents = sorted(path.stem for path in (side.folder / "code" / "conf" / "agent").glob("*.yaml"))
    for name in agents if only in ("", "agents") else ():
        side.run(f"{AGENT} agent={name} updates=4", f"agents/{name}")
        side.run(f"{AGENT} agent={name} updates=7 resume=auto", f"agents/{name}")
    for name, arguments in PAINTINGS.items() if only in ("", "paintings") else ():
        side.run(arguments, f"paintings/{name}")


def results(folder: Path) -> dict[str, object]:
    """Everything that a side's runs left and that has to be equal, by file and what it says."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith("code/"):
            continue
        if path.name == "metrics.csv":
            for number, row in enumerate(csv.DictReader(path.open())):
                found |= {f"{name} row {number} {key}": row[key] for key in row}
        elif path.name == "summary.json":
            found |= {f"{name} {key}": value for key, value in json.loads(path.read_text()).items()}
        elif path.name == "strokes.json":
            found[name] = path.read_text()
        elif path.name == "last.ckpt":
            found[f"{name} tensors"] = digest(path)
    return {key: value for key, value in found.items() if not key.endswith(UNLIKE)}


def digest(checkpoint: Path) -> str:
    """One hash of all tensors in a checkpoint, whatever the classes and keys are called."""
    import torch

    def tensors(node: Any) -> Iterator[Any]:
        if isinstance(node, torch.Tensor):
            yield node
        elif isinstance(node, Mapping):
            for child in node.values():
                yield from tensors(child)
        elif isinstance(node, list | tuple):
            for child in node:
                yield from tensors(child)

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    every = sorted(
        hashlib.sha256(f"{one.dtype}{tuple(one.shape)}".encode() + one.numpy().tobytes()).digest()
        for one in tensors(content)
    )
    return f"{len(every)}: {hashlib.sha256(b''.join(every)).hexdigest()}"


def main() -> int:
    """Compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", help="a commit")
    parser.add_argument("new", help="another commit")
    parser.add_argument("--updates", type=int, default=12, help="of the quickstart's two trainings")
    parser.add_argument("--only", default="", choices=["quickstart", "agents", "paintings"])
    parser.add_argument("--keep", type=Path, help="a new folder for the runs, which stay there")
    given = parser.parse_args()
    found, failures = [], 0
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, commit in (("old", given.old), ("new", given.new)):
            (folder.absolute() / name).mkdir(parents=True)
            with checked_out(commit, folder.absolute() / name) as side:
                run_all(side, given.updates, given.only)
            found.append(results(side.folder))
            failures += side.failures
    old, new = found
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    for key in differing:
        print(f"{key}: {str(old.get(key, 'missing'))[:80]} -> {str(new.get(key, 'missing'))[:80]}")
    print(f"{len(differing)} differences in {len({*old, *new})} values, {failures} failed commands")
    return 1 if differing or failures else 0


if __name__ == "__main__":
    sys.exit(main())
