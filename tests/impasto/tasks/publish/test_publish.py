"""The task publish: weights, card and checksums from a run's folder."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from datamodules import CelebA, Digits, ImageNet, Images, Leaves
from impasto.errors import UserError
from impasto.networks import Actor
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Circle
from impasto.tasks.publish import publish as module
from impasto.tasks.publish.publish import machine, photograph_psnr, publish
from tests.impasto.small_networks import SMALL, stir
from tests.impasto.tasks.runs.comparison.folders import write_run

SIZE, STROKES, BUNDLE = 16, 2, 2
SUMMARY: dict[str, object] = {
    "updates": 1234,
    "images": 321,
    "strokes": STROKES,
    "device": "cpu",
}


def make_policy() -> PaintingPolicy:
    environment = PaintingEnvironment(AnalyticRenderer(Circle(), SIZE), STROKES, BUNDLE)
    actor = Actor(OBSERVATION_CHANNELS, environment.action_dim, **SMALL)
    stir(actor)
    return PaintingPolicy(actor, environment)


def make_run(folder: Path, **changes: Any) -> tuple[str, PaintingPolicy]:
    given = {
        "l2": 0.0123,
        "summary": SUMMARY,
        "overrides": ["task=train", "experiment=digits_agent"],
        "validations": [(100, 55.0, 0.2), (1234, 777.0, 0.02)],
        **changes,
    }
    write_run(folder, **given)
    policy = make_policy()
    policy.save(folder / "agent")
    return str(folder), policy


def digits(kind: Any = Digits, **options: Any) -> Any:
    return kind(canvas_size=SIZE, batch_size=4, **options)


def test_publishes_what_the_run_left(tmp_path: Path) -> None:
    run, policy = make_run(tmp_path / "run")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    assert publish([run], "mine", digits(), [], shelf) == {"images": 0}
    published = PaintingPolicy.load(shelf / "mine").state_dict()
    for name, value in policy.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(published[name], expected)
    stored = load_file(shelf / "mine" / "weights.safetensors").values()
    assert {value.dtype for value in stored if value.is_floating_point()} == {torch.float16}
    card = (shelf / "mine" / "README.md").read_text(encoding="utf-8")
    for wanted in (
        "# mine: an agent that paints",
        "`agent.weights=mine`",
        "squares of 16 x 16",
        "2 circle strokes at a time in bundles of 2",
        "`data=digits`: 1,797 handwritten digits",
        "python run.py task=train experiment=digits_agent",
        "| updates | 1,234 |",
        "| seconds of training | 777 |",
        f"| machine | {machine()}; cpu,",
        "| seed | 0 |",
        "On 321 pictures of the test split",
        "| L2 | 0.0123 |",
        "| PSNR, dB | 10 |",
        "| SSIM | 0.5 |",
        "## Licence\n\nMIT",
    ):
        assert wanted in card, wanted
    assert "photograph |" not in card
    count = sum(parameter.numel() for parameter in policy.parameters())
    assert f"{count:,} parameters" in card
    assert (shelf / "mine" / "SHA256SUMS").read_text().count("\n") == 2


@pytest.mark.parametrize("kind", [CelebA, ImageNet])
def test_weights_of_pictures_that_are_not_free_say_so(tmp_path: Path, kind: Any) -> None:
    """In the card, and with a command that names no folder of whoever made them."""
    run, _ = make_run(tmp_path / "run", choices={"data": kind.name})
    publish(run, "mine", digits(kind), [], tmp_path, command="make gpu-recipes DATA=FOLDER")
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert f"`data={kind.name}`: {kind.terms}" in card
    assert "non-commercial research" in card.partition("## Licence")[2]
    assert "make gpu-recipes DATA=FOLDER" in card
    assert "python run.py task=train" not in card


def test_photographs_are_painted_by_the_rounded_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = make_run(tmp_path / "run")
    two = module.held_out_photographs()[1:3]
    monkeypatch.setattr(module, "held_out_photographs", lambda: two)
    result = publish([run], "mine", digits(), [1, 3], tmp_path)
    psnr_by_strokes = {
        n: photograph_psnr(PaintingPolicy.load(tmp_path / "mine"), n) for n in (1, 3)
    }
    assert list(psnr_by_strokes[3]) == ["chelsea", "coffee"]
    mean = sum(psnr_by_strokes[3].values()) / 2
    assert result == {"images": 2, "psnr": pytest.approx(mean, abs=1e-6)}
    card = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    assert "| photograph | 1 strokes | 3 strokes |" in card
    for name, value in psnr_by_strokes[3].items():
        assert f"| {name} | {psnr_by_strokes[1][name]:.2f} | {value:.2f} |" in card
    assert f"| **{mean:.2f}** |" in card
    assert "never saw any of them" in card


@pytest.mark.parametrize(
    ("changes", "name", "data", "message"),
    [
        ({}, "Mine!", digits, r"name=Mine! is no name"),
        ({}, "../mine", digits, r"is no name"),
        ({"status": "interrupted"}, "mine", digits, r"not a finished run of task=train"),
        ({"choices": {"task": "evaluate"}}, "mine", digits, r"not a finished run of task=train"),
        ({}, "mine", lambda: digits(Leaves), r"was trained on digits, not on leaves"),
        (
            {"choices": {"data": "images"}},
            "mine",
            lambda: digits(Images, hub_id="a/b"),
            r"data=images does not say under which terms",
        ),
    ],
)
def test_what_may_not_be_published(
    tmp_path: Path, changes: dict[str, Any], name: str, data: Any, message: str
) -> None:
    run, _ = make_run(tmp_path / "run", **changes)
    with pytest.raises(UserError, match=message):
        publish([run], name, data(), [], tmp_path)
    assert not (tmp_path / "mine").exists()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="runs: a is not a finished run"):
        publish("a", "mine", digits(), [], tmp_path)  # a name alone is one folder
    with pytest.raises(UserError, match="runs names 2 folders"):
        publish(["a", "b"], "mine", digits(), [], tmp_path)


def test_the_machine_is_a_class_and_no_name() -> None:
    import platform

    assert re.match(r"\d+-core \w", machine())
    assert platform.node() not in machine()
