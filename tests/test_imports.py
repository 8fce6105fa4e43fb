"""Importing is free, and imports run one way."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, environment

PACKAGES = ("impasto", "lightning_modules", "datamodules", "hydra_plugins")
TASKS, LAUNCH = "impasto.tasks", "impasto.launch"
# What each package may import of the others, and of the frameworks.
MAY_IMPORT = {
    "impasto": set(),
    "datamodules": {"impasto", "pytorch_lightning"},
    "lightning_modules": {"impasto", "pytorch_lightning"},
    TASKS: {"impasto", "datamodules", "lightning_modules", "pytorch_lightning"},
    LAUNCH: {"impasto", TASKS, "hydra", "omegaconf"},
    "hydra_plugins": {"impasto", TASKS, LAUNCH, "hydra", "omegaconf"},
}
WATCHED = {*MAY_IMPORT, "pytorch_lightning", "lightning", "hydra", "omegaconf", "run"}
# The libraries that take their time are loaded inside functions there.
LAZILY = {LAUNCH: {"pytorch_lightning"}, "hydra_plugins": {"pytorch_lightning"}}

SCRIPT = """
import importlib, os, random, sys
import numpy, torch
if len(sys.argv) > 1 and sys.argv[1] == 'everything':
    import pytorch_lightning  # draws from `random` itself
before = (torch.get_rng_state().tolist(), random.getstate(), numpy.random.get_state()[1].tolist())
for name in sys.argv[2:]:
    importlib.import_module(name)
after = (torch.get_rng_state().tolist(), random.getstate(), numpy.random.get_state()[1].tolist())
assert before == after, "an import drew random numbers"
assert not torch.cuda.is_initialized(), "an import touched the GPU"
assert os.listdir(".") == [], os.listdir(".")
print("\\n".join(sys.modules))
"""

# Runs the command line in this process, and says on the last line what it has loaded.
RUN = """
import sys
from impasto.launch import cli
from impasto.painters.base import Sketch
loaded, init = [], Sketch.__init__
def told(*args, **kwargs):
    loaded.append(list(sys.modules))
    init(*args, **kwargs)
Sketch.__init__ = told
cli.main(sys.argv[1:])
print(" ".join(loaded[0]))
"""
# The same where this project's modules find what Windows has; libraries have a way of their own.
WINDOWS = """
import builtins, os, signal, sys
import torch, hydra
load = builtins.__import__
def on_windows(name, globals=None, *more):
    ours = str((globals or {}).get("__name__", "")).startswith("impasto")
    if ours and name in {"fcntl", "resource", "pwd", "grp", "termios"}:
        raise ImportError(name)
    return load(name, globals, *more)
builtins.__import__ = on_windows
for module, names in {
    signal: ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGKILL"],
    os: ["O_NOCTTY", "register_at_fork", "sysconf", "sched_getaffinity"],
}.items():
    for name in names:
        delattr(module, name)
from impasto.launch import cli
cli.impasto()
"""
# Loading these takes longer than the first stroke may take.
SLOW = {
    "datamodules",
    "datasets",
    "lightning_fabric",
    "lightning_modules",
    "matplotlib",
    "pandas",
    "pytorch_lightning",
    "skimage",
    "sklearn",
    "sympy",
    "tensorboard",
    "torchmetrics",
    "torchvision",
    "triton",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.tensor",
    "scipy.ndimage",
    "scipy.signal",
    "scipy.stats",
}


def sources(package: str) -> list[Path]:
    """Files of a package, without those of packages in it that have a row of their own."""
    folder = ROOT / package.replace(".", "/")
    others = [ROOT / one.replace(".", "/") for one in MAY_IMPORT if one.startswith(f"{package}.")]
    return sorted(
        path
        for path in folder.rglob("*.py")
        if not any(path.is_relative_to(other) for other in others)
    )


def watched(module: str) -> str:
    """The row that a module belongs to, such as impasto.tasks; else its top-level package."""
    rows = [one for one in WATCHED if f"{module}.".startswith(f"{one}.")]
    return max(rows, key=len, default=module.partition(".")[0])


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python(code: str, *arguments: str, cwd: Path, **more: str) -> str:
    """What a new process prints, which must end well."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def import_in_empty_folder(tmp_path: Path, which: str, names: list[str]) -> set[str]:
    folder, home = tmp_path / "empty", tmp_path / "home"  # Matplotlib makes its own in the home
    folder.mkdir()
    home.mkdir()
    more = {"PYTHONPATH": str(ROOT), "HOME": str(home)}
    printed = python(SCRIPT, which, *names, cwd=folder, **more)
    return {name.partition(".")[0] for name in printed.splitlines()}


def test_importing_everything_leaves_no_trace(tmp_path: Path) -> None:
    names = [module_name(path) for package in MAY_IMPORT for path in sources(package)]
    assert len(names) > 20
    import_in_empty_folder(tmp_path, "everything", [*names, "run"])


def test_the_library_loads_neither_lightning_nor_hydra(tmp_path: Path) -> None:
    entry = "impasto.__main__"  # of the command line
    names = [name for path in sources("impasto") if (name := module_name(path)) != entry]
    loaded = import_in_empty_folder(tmp_path, "impasto", names)
    assert loaded & {"pytorch_lightning", "lightning", "hydra", "omegaconf"} == set()


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    files = sources(package)
    assert files
    for path in files:
        imported = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {watched(alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                imported |= {watched(name) for name in names}
        forbidden = WATCHED - MAY_IMPORT[package] - {package} - LAZILY.get(package, set())
        if path.name == "__main__.py" or package == "hydra_plugins":
            forbidden -= {LAUNCH}
        assert imported & forbidden == set(), path


@pytest.mark.parametrize(
    ("painter", "more"),
    [
        ("optimize", ["painter.steps=2"]),
        ("agent", ["agent.weights=digits"]),
        ("agent+optimize", ["agent.weights=digits", "painter.refine=2"]),
        ("divide", ["agent.weights=digits", "painter.divide=1"]),
    ],
)
def test_the_first_stroke_waits_for_nothing_that_it_does_not_need(
    painter: str, more: list[str], tmp_path: Path
) -> None:
    Image.radial_gradient("L").resize((32, 32)).convert("RGB").save(tmp_path / "picture.png")
    arguments = [
        "task=paint",
        f"painter={painter}",
        *more,
        "strokes=1",
        "canvas.size=32",
        f"image={tmp_path / 'picture.png'}",
        f"hydra.run.dir={tmp_path / 'run'}",
    ]
    printed = python(RUN, *arguments, cwd=ROOT)
    assert (tmp_path / "run" / "picture" / "painting.gif").is_file()
    loaded = printed.splitlines()[-1].split()
    assert {"torch", "impasto.api"} <= set(loaded)
    slow = [name for name in loaded if any(f"{name}.".startswith(f"{one}.") for one in SLOW)]
    assert slow == []


def test_a_picture_is_painted_without_what_only_posix_has(tmp_path: Path) -> None:
    Image.radial_gradient("L").resize((32, 32)).convert("RGB").save(tmp_path / "picture.png")
    words = ["picture.png", "strokes=1", "painter.steps=2"]
    python(WINDOWS, *words, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert (tmp_path / "picture-painting" / "picture" / "painting.gif").is_file()
    assert "finished" in (tmp_path / "picture-painting" / "summary.json").read_text()


def test_the_collector_pauses_only_while_libraries_are_loaded(tmp_path: Path) -> None:
    code = (
        "import gc; from impasto.launch.run_task import gc_paused\n"
        "for _ in range(2):\n"
        "    with gc_paused(): print(gc.isenabled(), gc.get_freeze_count() > 0)\n"
        "    print(gc.isenabled(), gc.get_freeze_count() > 0)\n"
        "class Knot: pass\n"
        "import weakref; knot = Knot(); knot.self = knot; seen = weakref.ref(knot); del knot\n"
        "with gc_paused(): pass\n"
        "gc.collect(); print(seen())"
    )
    printed = python(code, cwd=tmp_path, PYTHONPATH=str(ROOT))
    lines = ["False False", "True True", "False True", "True True", "None"]
    assert printed.splitlines() == lines


def test_what_is_private_in_lightning_is_used_in_one_file() -> None:
    """An update of Lightning may change it; `_trial_id` is Optuna's."""
    found = []
    for path in sorted((ROOT / "lightning_modules").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not re.match("_[a-z]", node.attr):
                continue
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not own and node.attr not in ("_replace", "_trial_id"):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.attr}")
    assert {one.partition(":")[0] for one in found} == {"lightning_modules/internals.py"}, found
