"""Every choice of a group, offered to a task."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from impasto.errors import UserError
from impasto.launch.validation.targets import TRUST
from impasto.networks import ResNet
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Circle, Line
from impasto.tasks.serve.menus import Choice
from tests.conftest import RunMain

TASK = """
updates: null
batch_size: 96
strokes: 7
call:
  _target_: offering_task.take
  painters: {_target_: impasto.launch.menus.Menu, group: painter, agents: AGENTS}
  kinds: {_target_: impasto.launch.menus.Menu, group: stroke}
  files: {_target_: impasto.launch.menus.Menu, group: export}
  device: ${run.device}
"""

Choices = Mapping[str, Mapping[str, Choice[Any]]]


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: RunMain) -> Any:
    """What a task with such a config is offered, by the command line."""
    conf = tmp_path / "conf"
    for group in ("task", "stroke"):
        (conf / group).mkdir(parents=True)
    (conf / "stroke" / "ring.yaml").write_text(
        "# a further kind\ndefaults: [circle, _self_]\nmax_width: 0.25\n"
    )
    seen: dict[str, Any] = {}
    module = ModuleType("offering_task")
    module.take = lambda **given: seen.update(given) or {}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "offering_task", module)
    monkeypatch.setenv(TRUST, f"offering_task,{__name__}")  # where its function is from

    def offered(*overrides: str, agents: str = "[]") -> Choices:
        (conf / "task" / "offering.yaml").write_text(TASK.replace("AGENTS", agents))
        search = f"hydra.searchpath=[file://{conf}]"
        done = run_main("task=offering", search, "trainer=cpu", "hydra.run.dir=out", *overrides)
        assert done.code == 0, done.err
        assert seen["device"] == "cpu"
        return seen

    return offered


def test_every_choice_is_built_as_the_run_would(offered: Any) -> None:
    seen = offered("stroke=line", "stroke.max_width=0.5", "painter.steps=9", "export.gif.fps=4")
    kinds = seen["kinds"]
    expected = "bezier brush circle ink line mypaint oil pixel rectangle ring taper triangle"
    assert list(kinds) == expected.split()
    assert kinds["ring"].about == "a further kind"
    assert kinds["ring"].build().max_width == 0.25
    line, opaque = kinds["line"].build(), kinds["line"].build(opaque=True)
    assert isinstance(line, Line)
    assert (line.max_width, line.opaque, opaque.opaque) == (0.5, False, True)
    assert kinds["circle"].build().max_width is None  # said of another choice
    assert kinds["oil"].build().opaque
    with pytest.raises(UserError, match="image"):
        kinds["brush"].build()
    assert seen["files"]["gif"].build().fps == 4
    assert seen["files"]["mp4"].build().fps == 30
    painter = seen["painters"]["optimize"].build(stroke=Circle(opaque=True), strokes=11)
    assert (painter.stroke.name, painter.stroke.opaque, painter.strokes) == ("circle", True, 11)
    assert painter.steps == 9
    assert seen["painters"]["optimize"].build().stroke.max_width == 0.5  # the run's own


def test_no_agent_no_painter_of_one(offered: Any) -> None:
    assert list(offered()["painters"]) == ["optimize"]


def test_a_single_agent_needs_no_brackets(offered: Any) -> None:
    names = ["agent", "agent+optimize", "divide"]
    mine = [f"{name} (me)" for name in names]
    assert list(offered(agents="me")["painters"]) == [*mine, "optimize"]
    assert list(offered(agents="null")["painters"]) == [*names, "optimize"]


def test_one_painter_for_each_agent(offered: Any, tmp_path: Path) -> None:
    renderer = AnalyticRenderer(Circle(), 16)
    environment = PaintingEnvironment(renderer, 4, 2, (0.0, 0.0, 0.0))
    torch.manual_seed(0)
    actor = ResNet(OBSERVATION_CHANNELS, 14, blocks=(1,), width=4)
    PaintingPolicy(actor, environment).save(tmp_path / "mine")
    seen = offered("agent.weights=mine", agents="[nobody, mine]")
    kinds = ["agent", "agent+optimize", "divide"]
    names = [f"{kind} ({whose})" for kind in kinds for whose in ("mine", "nobody")]
    assert list(seen["painters"]) == [*names, "optimize"]
    painter = seen["painters"]["agent+optimize (mine)"].build(stroke=Line(), strokes=3)
    assert (painter.stroke.name, painter.strokes) == ("circle", 3)
    assert painter.steps == 400
    with pytest.raises(UserError, match="nobody"):
        seen["painters"]["agent (nobody)"].build(stroke=Line(), strokes=3)
