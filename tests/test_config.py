"""The composed config: defaults, precedence, and that every file in conf/ works."""

import re
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from impasto.launch.compose import choices, groups
from impasto.launch.help import describe, help_text
from impasto.launch.validation.validate import validate
from tests.conftest import CONF, Compose

EXPERIMENTS = choices(CONF, "experiment")
ALL_CHOICES = [(group, choice) for group in groups(CONF) for choice in choices(CONF, group)]


def test_groups_are_those_of_the_design() -> None:
    expected = "task data stroke renderer agent reward replay exploration painter trainer logger"
    more = {"callbacks", "debug", "experiment", "schedule", "export", "preconditioning", "style"}
    more |= {"hparams_search"}
    assert set(groups(CONF)) == {*expected.split(), *more}


def test_default_choices(compose_config: Compose) -> None:
    chosen = compose_config("task=train").hydra.runtime.choices
    expected = {
        "task": "train",
        "data": "digits",
        "stroke": "bezier",
        "renderer": "neural",
        "agent": "model_based_ddpg",
        "reward": "wgan_gp",
        "replay": "uniform",
        "exploration": "none",
        "preconditioning": "none",
        "style": "photo",
        "painter": "optimize",
        "trainer": "auto",
        "logger": "tensorboard",
        "callbacks": "default",
        "experiment": None,
        "hparams_search": None,
        "hydra/sweeper": "basic",
    }
    assert {group: chosen[group] for group in expected} == expected
    assert list(compose_config("task=train").export) == ["gif"]


def test_default_knobs(compose_config: Compose) -> None:
    cfg = compose_config("task=train", "data=mnist")
    knobs = {"canvas", "strokes", "bundle", "batch_size", "seed", "resume", "image", "size"}
    assert {knob: OmegaConf.to_container(cfg, resolve=False)[knob] for knob in knobs} == {
        "canvas": {"size": 128, "background": [0, 0, 0]},
        "strokes": "${task.strokes}",
        "bundle": 5,
        "batch_size": "${task.batch_size}",
        "seed": 0,
        "resume": None,
        "image": None,
        "size": None,
    }
    assert cfg.data.root is None
    assert cfg.data.cache == "data/"
    assert cfg.renderer.weights is None
    assert cfg.agent.weights is None


@pytest.mark.parametrize(
    ("data", "strokes"),
    [("mnist", 5), ("kmnist", 5), ("digits", 5), ("svhn", 40), ("celeba", 200), ("imagenet", 400)],
)
def test_strokes_are_the_data_sets(compose_config: Compose, data: str, strokes: int) -> None:
    assert compose_config("task=train", f"data={data}").strokes == strokes
    assert compose_config("task=paint", f"data={data}").strokes == 500


@pytest.mark.parametrize(("group", "choice"), ALL_CHOICES)
def test_every_choice_composes_and_is_described(
    compose_config: Compose, group: str, choice: str
) -> None:
    assert describe(CONF / group / f"{choice}.yaml")
    if group == "experiment":
        return  # each has its tasks: the next test
    name = "schedule@agent.actor_scheduler" if group == "schedule" else group
    others = [] if group == "task" else ["task=train"]
    cfg = compose_config(*others, f"{name}={choice}")
    assert cfg.hydra.runtime.choices[name] == choice


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_passes_the_checks(compose_config: Compose, experiment: str) -> None:
    tasks = ["pretrain"] if "renderer" in experiment else ["train", "evaluate", "paint"]
    for task in tasks:
        overrides = (f"task={task}", f"experiment={experiment}")
        cfg = compose_config(*overrides, "image=a.png", "agent.weights=folder")
        validate(cfg)
        assert cfg.hydra.runtime.choices.experiment == experiment
        assert (cfg.updates or 1) >= 1


def test_experiment_overrides_groups_and_values_and_the_command_line_both(
    compose_config: Compose, tmp_path: Path
) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /data: svhn\n  - override /stroke: line\n"
        "canvas:\n  size: 64\nbundle: 4\n"
    )
    search = f"hydra.searchpath=[file://{tmp_path}]"
    cfg = compose_config("task=train", "experiment=mine", search)
    assert (cfg.strokes, cfg.canvas.size, cfg.bundle) == (40, 64, 4)
    assert cfg.stroke._target_ == "impasto.strokes.Line"
    cfg = compose_config("task=train", "experiment=mine", search, "bundle=2", "stroke=circle")
    assert (cfg.strokes, cfg.canvas.size, cfg.bundle) == (40, 64, 2)
    assert cfg.stroke._target_ == "impasto.strokes.Circle"


@pytest.mark.parametrize("renderer", choices(CONF, "renderer"))
def test_canvas_size_alone_changes_every_size(compose_config: Compose, renderer: str) -> None:
    nodes = []
    for size in (64, 96):
        more = [] if renderer == "analytic" else ["renderer.allow_untrained=true"]
        cfg = compose_config("task=train", f"renderer={renderer}", f"canvas.size={size}", *more)
        nodes.append((cfg.data.canvas_size, cfg.renderer.canvas_size))
        built = instantiate(cfg.renderer)
        assert built.canvas_size == size
        shape = built.stroke.sample(1)
        assert built(shape).shape == (1, 1, size, size)
    assert nodes == [(64, 64), (96, 96)]


@pytest.mark.parametrize("logger", ["tensorboard", "csv", "none"])
def test_trainer_gets_loggers_and_callbacks_as_lists(
    compose_config: Compose, tmp_path: Path, logger: str
) -> None:
    cfg = compose_config("task=train", "trainer=cpu", "precision=32-true", f"logger={logger}")
    cfg.run.folder = tmp_path
    cfg.callbacks = {}
    trainer = instantiate(cfg.trainer, _convert_="all")
    assert len(trainer.loggers) == (0 if logger == "none" else 1)
    assert trainer.strategy.root_device.type == "cpu"
    assert all(Path(log.log_dir).is_relative_to(tmp_path) for log in trainer.loggers)


def test_help_of_a_task_shows_what_concerns_it() -> None:
    text = help_text(CONF, "paint")
    keys = {line.split()[0] for line in text.splitlines() if line.startswith("  ")}
    for shown in ("painter=optimize*", "style=oil", "export=svg", "stroke.palette=null"):
        assert shown in keys
    for shown in ("strokes", "agent.weights", "mask=null", "painter.steps=null", "hydra.run.dir"):
        assert shown in keys
    for key in keys:  # what trains
        assert not key.startswith(("task=train", "reward", "replay", "bundle", "data.", "updates"))
    assert text.count("\n") < help_text(CONF).count("\n") / 2
    assert "agent=greedy" in help_text(CONF, "train")
    for task in choices(CONF, "task"):
        assert f"task={task} " in help_text(CONF, task)
    assert help_text(CONF, "nothing") == help_text(CONF)


@pytest.mark.parametrize("task", ["train", "pretrain", "paint", "evaluate", "serve"])
def test_help_of_a_task_names_keys_that_are_there(task: str, compose_config: Compose) -> None:
    cfg = OmegaConf.to_container(compose_config(f"task={task}", "data=mnist"), resolve=False)
    knobs = help_text(CONF, task).partition("KNOBS\n")[2]
    keys = re.findall(r"^  ([\w.]+)", knobs, re.MULTILINE)
    assert len(keys) == len(set(keys)) >= 10
    for key in keys:
        node: Any = cfg
        for name in key.split("."):
            assert name in node, key
            node = node[name]


def test_help_shows_tasks_choices_and_knobs() -> None:
    text = help_text(CONF)
    for group, choice in ALL_CHOICES:
        assert f"  {group}={choice}" in text or f"  {group}@KEY={choice}" in text
    for knob in ("canvas.size=128", "strokes", "bundle=5", "data.root", "resume", "updates"):
        assert any(line.startswith((f"  {knob} ", f"  {knob}=")) for line in text.splitlines())
    assert "stroke=bezier*" in text
    assert "  export=gif*" in text
    assert "  schedule@KEY=constant" in text
