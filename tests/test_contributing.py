"""The examples of CONTRIBUTING.md: what it says to write is written, and its commands run."""

import importlib
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, RunMain

PACKAGES = ("impasto.strokes", "impasto.rl.rewards", "datamodules.sets", "impasto.tasks")


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Write the files into folders of the packages, and give the commands by section."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = re.findall(r"`([\w/]+\.(?:py|yaml))`:\n\n```\w+\n(.*?)```", text, re.DOTALL)
    assert len(files) == 8
    folder = tmp_path / "written"
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    for name in PACKAGES:
        package = importlib.import_module(name)
        added = str(folder / Path(*name.split(".")))
        monkeypatch.setattr(package, "__path__", [*package.__path__, added])
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {
        section.splitlines()[0]: re.findall(r"^python run\.py (.*)$", section, re.MULTILINE)
        for section in sections
    }


# Section, and how to make its commands short.
SHORT = {
    "A stroke": ["canvas.size=32", "strokes=3", "size=32", "painter.steps=2"],
    "A task": ["canvas.size=32"],
    "A reward": ["updates=2", "data.test_limit=4"],
    "A data set": ["updates=2", "+data.test_limit=4"],
}


@pytest.mark.parametrize(
    "section",
    ["A stroke", "A task", *(pytest.param(s, marks=pytest.mark.slow) for s in list(SHORT)[2:])],
)
def test_the_example_runs(
    section: str, examples: dict[str, list[str]], run_main: RunMain, tmp_path: Path
) -> None:
    Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(tmp_path / "photo.jpg")
    command = shlex.split(examples[section][0])
    search = f"hydra.searchpath=[file://{tmp_path / 'written' / 'conf'}]"
    done = run_main(*command, *SHORT[section], search, "trainer=cpu", "hydra.run.dir=out")
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "finished"
    if section == "A task":
        assert summary["train_images"] + summary["val_images"] + summary["test_images"] == 1000
