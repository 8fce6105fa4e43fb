"""`make neural-painters`: every command of the chain, with next to no training."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.errors import UserError
from impasto.mypaint.library import library
from tests.conftest import RunMain

ROOT = Path(__file__).parents[1]
SMALL = {
    "pretrain": (
        "canvas.size=32",
        "task.pairs=64",
        "updates=6",
        "batch_size=8",
        "task.judged_strokes=64",
    ),
    "train": (
        "data=digits",
        "canvas.size=32",
        "updates=2",
        "batch_size=4",
        "data.val_limit=4",
        "data.test_limit=8",
        "renderer.allow_untrained=true",
    ),
    "visualize": ("canvas.size=32", "descent.steps=3", "renderer.allow_untrained=true"),
    "stylize": (
        "canvas.size=32",
        "descent.steps=2",
        "strokes=20",
        "renderer.allow_untrained=true",
        "size=64",
        "features.model=squeezenet1_1",
        "features.layers=[features.1]",
    ),
    "gallery": (),
}
OWN = {
    "vae": ("task.module.vae_updates=3",),
    "gan": ("task.module.pixel_updates=2", "task.module.critic_alone=2"),
}


def commands() -> list[list[str]]:
    """The overrides of every call of run.py that make would do, without doing any."""
    python = f"BIN={Path(sys.executable).parent}"
    printed = subprocess.run(
        ["make", "-n", "neural-painters", "STAMP=", python, "FEATURES=random"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.replace("\\\n", " ")
    calls: list[list[str]] = []
    for line in printed.splitlines():
        if "run.py" not in line:
            continue
        words = shlex.split(line.split("run.py")[1].split("||")[0])
        kinds = ("vae", "gan") if "${kind}" in line else ("",)
        calls += [[word.replace("${kind}", kind) for word in words] for kind in kinds]
    return calls


@pytest.mark.slow
def test_the_chain(run_main: RunMain, tmp_path: Path) -> None:
    try:
        library()
    except UserError:
        pytest.skip("MyPaint is not installed")
    calls = commands()
    tasks = [dict(word.split("=", 1) for word in call)["task"] for call in calls]
    assert tasks == ["pretrain", "pretrain", "train", "visualize", "stylize", "gallery"]
    for task, call in zip(tasks, calls, strict=True):
        folder = Path(dict(word.split("=", 1) for word in call)["hydra.run.dir"])
        more = ("trainer=cpu", f"data.cache={tmp_path / 'cache'}")
        done = run_main(*call, *more, *SMALL[task], *OWN.get(folder.name, ()))
        assert done.code == 0, (call, done.err)
    runs = tmp_path / "outputs/neural-painters"
    figures = {
        path.parent.name: json.loads(path.read_text()) for path in runs.glob("*/summary.json")
    }
    for kind in ("vae", "gan"):
        assert {"renderer_mse", "renderer_ssim", "spectral_distance"} <= figures[kind].keys()
    assert {"l2", "l2_renderer"} <= figures["mnist"].keys()
    assert {"probability", "probability_renderer"} <= figures["ideal"].keys()
    page = (runs / "page/index.html").read_text()
    for name in (
        "strokes.png",
        "astronaut/transfer.png",
        "spectral_distance",
        "l2_renderer",
        "probability",
    ):
        assert name in page, name
    assert page.count("<h2>") == 5
