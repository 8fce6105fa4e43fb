"""The library's arguments and classes as keys and choices of the command line."""

from collections.abc import Iterator

import pytest
from omegaconf import OmegaConf

from impasto.errors import Diverged, UserError
from impasto.launch.advice import ARGUMENTS, SECTIONS, choice_of_class, in_keys
from impasto.launch.compose import choices
from impasto.launch.outcome import outcome_of
from tests.conftest import CONF, Compose

# Commands in whose configs every key of the tables is to be found.
COMMANDS = (
    "task=paint",
    "task=train agent=patch_q data=images stroke=mypaint renderer=gan",
    "task=train agent=lstm_adversarial data=photos stroke=brush reward=weighted",
    "task=train agent=td3 data=leaves stroke=pixel renderer=vae hydra/sweeper=optuna",
    "task=train reward=perceptual painter=agent",
    "task=paint painter=divide data=svhn",
    "task=pretrain renderer=gan",
    "task=stylize",
    "task=visualize",
    "task=evaluate",
)


@pytest.mark.parametrize(
    ("said", "here"),
    [
        (
            "`steps=0` makes no sense — give 1 or more",
            "painter.steps=0 makes no sense — give 1 or more",
        ),
        ("`actor.norm=layer`, `batch_size=2`", "agent.actor.norm=layer, batch_size=2"),
        (
            "`palette=[[0,0,0],[1,1,1]]` of `Pixel`",
            "stroke.palette=[[0,0,0],[1,1,1]] of stroke=pixel",
        ),
        ("`Gcode.tool=0` and `Pixel.grid=0`", "export.gcode.tool=0 and stroke.grid=0"),
        ("`Descent.steps=0`, not `steps=0`", "descent.steps=0, not painter.steps=0"),
        ("the agent's `weights=x` is no folder", "agent.weights=x is no folder"),
        ("give the renderer's `weights`", "give renderer.weights"),
        ("the agent's `strokes` are few", "the agent's strokes are few"),
        ("`unheard=1`, `Unheard` and `of.it`", "`unheard=1`, `Unheard` and `of.it`"),
        ("`strokes.json` and `cache.json`", "`strokes.json` and `cache.json`"),
        ("the agent's `unheard`", "the agent's `unheard`"),
        ("steps=0, Bezier and a lone ` stay", "steps=0, Bezier and a lone ` stay"),
        ("such as `Bezier` with `max_width`", "such as stroke=bezier stroke.max_width=..."),
        ("a run can go on from its last checkpoint", "a run is gone on with by resume=auto"),
        (
            "`parts` is empty — add one",
            "reward.parts is empty — add one by +reward@reward.parts.NAME=l2",
        ),
        ("or add `parts.third`", "or add +reward@reward.parts.third=l2"),
        ("add `WeightedReward.weights.third=1`", "add +reward.weights.third=1"),
        ("", ""),
    ],
)
def test_arguments_and_classes_become_keys_and_choices(said: str, here: str) -> None:
    assert in_keys(said) == here
    assert in_keys(here) == here  # what is said in keys is left as it is


@pytest.mark.parametrize("kind", [UserError, Diverged])
def test_the_line_on_standard_error_is_in_keys(kind: type[UserError]) -> None:
    outcome = outcome_of(kind("`steps=0` makes no sense", "take `AgentPainter`"))
    assert outcome.message == "error: painter.steps=0 makes no sense — take painter=agent"
    assert str(outcome.error) == "`steps=0` makes no sense — take `AgentPainter`"


def test_every_argument_and_section_is_a_key_of_some_config(compose_config: Compose) -> None:
    known: set[str] = set()
    for command in COMMANDS:
        cfg = compose_config(*command.split())
        known |= set(keys(OmegaConf.to_container(cfg, resolve=False)))
    named = {*ARGUMENTS.values(), *SECTIONS.values()}
    assert named - known == set()


def test_a_class_is_the_choice_whose_file_names_it() -> None:
    found = choice_of_class()
    assert {
        "AgentPainter": "painter=agent",
        "Digits": "data=digits",
        "Gcode": "export=gcode",
        "ModelBasedDDPG": "agent=model_based_ddpg",
        "NoExploration": "exploration=none",
        "PerceptualReward": "reward=perceptual",
        "ReplayBuffer": "replay=uniform",
    }.items() <= found.items()
    for group in ("data", "export", "painter", "renderer"):
        every = {f"{group}={choice}" for choice in choices(CONF, group)}
        assert every - {"painter=agent+optimize"} <= set(found.values())  # which is painter=agent
    assert not {"CSVLogger", "Adam"} & found.keys()  # which are no classes of ours


def keys(node: object, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for name, child in node.items():
            yield f"{prefix}{name}"
            yield from keys(child, f"{prefix}{name}.")
