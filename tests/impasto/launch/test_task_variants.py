"""Which call of a task is meant, and several choices of a group beside each other."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from impasto.errors import UserError
from impasto.launch.task_variants import resolve_variants
from tests.conftest import CONF, Compose, RunMain

EVALUATE = "impasto.tasks.evaluate.agent.evaluate"
PAINTERS = "impasto.tasks.evaluate.painters.evaluate_painters"


def test_without_the_key_the_task_is_its_own(compose_config: Compose) -> None:
    cfg = compose_config("task=evaluate")
    resolved = resolve_variants(cfg, CONF)
    assert resolved.task.call._target_ == EVALUATE
    assert resolved.task.required == ["agent.weights"]
    assert resolved.strokes == 5
    assert set(resolved.task) == {"updates", "batch_size", "strokes", "required", "call"}
    assert set(resolved.task.call) == {"_target_", "policy", "datamodule", "folder", "device"}


def test_with_the_key_the_other_call_is_meant(compose_config: Compose) -> None:
    cfg = compose_config("task=evaluate", "image=a.png", "painter.steps=7")
    resolved = resolve_variants(cfg, CONF)
    assert resolved.task.call._target_ == PAINTERS
    assert resolved.task.required == ["image"]
    assert resolved.strokes == 400
    assert list(resolved.task.call.painters) == ["optimize"]
    node = resolved.task.call.painters.optimize
    assert (node.strokes, node.steps) == (400, 7)
    assert cfg.task.call._target_ == EVALUATE  # the config that is recorded stays as it was
    given = resolve_variants(compose_config("task=evaluate", "image=a.png", "strokes=30"), CONF)
    assert given.task.call.strokes == given.task.call.painters.optimize.strokes == 30


def test_a_task_without_alternatives_is_left_alone(compose_config: Compose) -> None:
    cfg = compose_config("task=paint", "image=a.png")
    assert resolve_variants(cfg, CONF) is cfg


def test_every_painter_is_what_it_is_alone(compose_config: Compose) -> None:
    given = ("task=evaluate", "image=a.png", "seed=3", "agent.weights=w")
    names = ["optimize", "agent", "agent+optimize"]
    several = resolve_variants(
        compose_config(*given, f"painters=[{','.join(names)}]", "painter=agent"), CONF
    )
    assert list(several.task.call.painters) == names
    for name in names:
        alone = resolve_variants(compose_config(*given, f"painter={name}"), CONF)
        assert list(alone.task.call.painters) == [name]
        nodes = (cfg.task.call.painters[name] for cfg in (several, alone))
        one, other = (OmegaConf.to_container(node, resolve=True) for node in nodes)
        assert one == other
    refiner = several.task.call.painters["agent+optimize"].refiner
    assert (refiner.steps, refiner.seed) == (300, 3)


REFUSED = {
    "unknown": ("painters=[optimize,brush]", "painter has no choice 'brush'", "agent+optimize"),
    "no list": ("painters=3", "painters is 3", "painters=[agent"),
    "empty": ("painters=[]", "painters is []", "painters=[agent"),
}


@pytest.mark.parametrize(("override", "what", "todo"), REFUSED.values(), ids=REFUSED)
def test_painters_that_are_none_are_refused(
    compose_config: Compose, override: str, what: str, todo: str
) -> None:
    with pytest.raises(UserError) as error:
        resolve_variants(compose_config("task=evaluate", "image=a.png", override), CONF)
    assert what in error.value.what
    assert todo in error.value.todo


def test_a_value_that_one_painter_lacks_is_refused(run_main: RunMain, tmp_path: Path) -> None:
    arguments = ("task=evaluate", "image=a.png", "painters=[optimize,agent]", "painter.steps=3")
    done = run_main(*arguments)
    assert done.code == 2
    assert "'painter.steps' of painter=agent" in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_builds_only_the_call_that_is_meant(
    run_main: RunMain, tmp_path: Path
) -> None:
    done = run_main("task=evaluate", "image=no.png", "hydra.run.dir=out")
    assert done.code == 2
    assert "no.png" in done.err  # neither an agent nor data are asked for
    assert "agent.weights" not in done.err
    assert not (tmp_path / "out").exists()
