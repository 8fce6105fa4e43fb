"""The plan of the project: conf/task/ablations.yaml."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from impasto.launch.compose import choices
from impasto.launch.validation.validate import validate
from impasto.tasks.ablations.plan import read_plan
from tests.conftest import CONF, Compose


def project_plan(compose_config: Compose) -> dict[str, Any]:
    cfg = compose_config("task=ablations")
    plan = OmegaConf.to_container(cfg.task.plan)
    assert isinstance(plan, dict)
    return plan  # type: ignore[return-value]


@pytest.mark.parametrize("scale", ["quick", "cpu", "paper"])
def test_every_run_of_the_project_composes(
    scale: str, compose_config: Compose, tmp_path: Path
) -> None:
    """Agents, replay and exploration have four steps: a painting of one bundle is regression."""
    plan = project_plan(compose_config)
    assert scale in plan["scales"]
    assert len(plan["scales"]) == 3
    read = read_plan(plan, scale, None, [], tmp_path)
    assert len(read.seeds) >= (2 if scale == "quick" else 3)
    of_steps = {
        read.runs(variant)[0]
        for row in read.rows
        for variant in row.variants.values()
        if row.key in "aeh"
    }
    for job in read.jobs():
        if job.folder.name == "seed0":
            cfg = compose_config(*job.overrides)
            validate(cfg)
            assert cfg.strokes > cfg.bundle
            assert (job.after is not None) == (
                cfg.renderer._target_.endswith("NeuralRenderer.load")
            )
            if scale == "cpu" and job in of_steps:
                assert cfg.strokes / cfg.bundle >= 4


def test_at_the_papers_size_each_stroke_kind_has_its_renderer_trained_first(
    compose_config: Compose, tmp_path: Path
) -> None:
    plan = project_plan(compose_config)
    read = read_plan(plan, "paper", ["f", "g"], [], tmp_path)
    first, rest = read.jobs()[:4], read.jobs()[4:]
    kinds = ["bezier", "line", "circle", "triangle"]
    for job, kind in zip(first, kinds, strict=True):
        cfg = compose_config(*job.overrides)
        validate(cfg)
        choices = cfg.hydra.runtime.choices
        assert (choices.task, choices.stroke, cfg.canvas.size) == ("pretrain", kind, 128)
    assert len({job.folder for job in read.jobs()}) == len(read.jobs())
    assert [first.index(job.after) for job in rest[:5] if job.after] == [0, 1, 2, 3, 0]
    for job in rest:
        assert job.after is not None
        assert compose_config(*job.overrides).renderer.weights == str(job.after.folder)
    given = read_plan(plan, "paper", ["f"], ["renderer.weights=mine"], tmp_path)
    assert all(job.after is None for job in given.jobs())


def test_the_command_of_a_report_can_be_given_again(
    compose_config: Compose, tmp_path: Path
) -> None:
    vary = ["data=mnist", "data.val_limit=2"]
    read = read_plan(project_plan(compose_config), "quick", ["a", "c"], vary, tmp_path)
    cfg = compose_config(*read.asked)
    assert (cfg.task.call.scale, cfg.task.call.chosen, cfg.task.call.vary) == (
        "quick",
        ["a", "c"],
        vary,
    )


def test_every_agent_and_exploration_has_a_row(compose_config: Compose, tmp_path: Path) -> None:
    read = read_plan(project_plan(compose_config), "cpu", None, [], tmp_path)
    words = {word for row in read.rows for v in row.variants.values() for word in v}
    of_another_paper = {"agent=lstm_adversarial"}  # in docs/neural_painters.md
    for group, default in (("agent", "model_based_ddpg"), ("exploration", "none")):
        every = {f"{group}={c}" for c in choices(CONF, group) if c != default}
        assert every - of_another_paper <= words
