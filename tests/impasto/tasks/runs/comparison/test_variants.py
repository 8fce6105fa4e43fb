"""Which runs are one variant, and what variants are called."""

from pathlib import Path
from typing import Any

import pytest

from impasto.tasks.runs.comparison.runs import Run, read_run
from impasto.tasks.runs.comparison.variants import _label, group_runs
from tests.impasto.tasks.runs.comparison.folders import write_run


def labels(tmp_path: Path, *runs: dict[str, Any]) -> list[str]:
    return [variant.label for variant in group_runs(made(tmp_path, *runs))]


def made(tmp_path: Path, *runs: dict[str, Any]) -> list[Run]:
    return [read_run(write_run(tmp_path / str(i), **run)) for i, run in enumerate(runs)]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"resume": "auto"},
        {"run__folder": "/a"},
        {"data__cache": "/a"},
        {"data__root": "/a"},
        {"logger": {"csv": {"name": "csv"}}, "choices": {"logger": "csv"}},
        {"trainer__accelerator": "gpu", "choices": {"trainer": "gpu"}},
        {"strokes": 5, "overrides": ["task=train", "strokes=5"]},  # what it is anyway
        {"agent__rate__factor": 1},
        {"choices": {"experiment": None}},
        {"status": "diverged"},
    ],
)
def test_runs_of_one_variant(tmp_path: Path, change: dict[str, Any]) -> None:
    runs = made(tmp_path, {}, change)
    [variant] = group_runs(runs)
    assert variant.runs == tuple(runs)
    assert variant.label == "experiment=quickstart"
    assert len(variant.finished) == (1 if "status" in change else 2)


CASES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a key": ([{}, {"bundle": 1}], ["bundle=5", "bundle=1"]),
    "a key that follows another": ([{}, {"strokes": 10}], ["strokes=5", "strokes=10"]),
    "the knob, not what is derived from it": ([{}, {"updates": 40}], ["updates=20", "updates=40"]),
    "two keys": (
        [{}, {"strokes": 10}, {"strokes": 10, "bundle": 1}],
        ["strokes=5 bundle=5", "strokes=10 bundle=5", "strokes=10 bundle=1"],
    ),
    "a list": ([{"bundle": [1, 2.5]}, {}], ["bundle=[1,2.5]", "bundle=5"]),
    "a key of one": ([{}, {"agent__ema": True}], ["plain", "agent.ema=true"]),
    "precision": (
        [{}, {"trainer__precision": "bf16-mixed"}],
        ["trainer.precision=32-true", "trainer.precision=bf16-mixed"],
    ),
    "ranks, which make updates larger": (
        [{}, {"trainer__devices": 2}],
        ["plain", "trainer.devices=2"],
    ),
    "a group, not the keys in it": (
        [{}, {"choices": {"agent": "ppo"}, "agent": {"_target_": "Ppo", "clip": 0.2}}],
        ["agent=ddpg", "agent=ppo"],
    ),
    "an empty group": (
        [{}, {"choices": {"exploration": "noise"}, "exploration": {"scale": 0.1}}],
        ["exploration=none", "exploration=noise"],
    ),
    "a group and a key in it": (
        [
            {},
            {"agent__tau": 0.5},
            {"choices": {"agent": "greedy"}, "agent__critic": None},
        ],
        ["agent=ddpg agent.tau=0.001", "agent=ddpg agent.tau=0.5", "agent=greedy agent.tau=0.001"],
    ),
    "a key of a group's that was asked for": (
        [
            {},
            {"choices": {"agent": "greedy"}, "agent__tau": 0.5, "overrides": ["agent.tau=0.5"]},
        ],
        ["agent=ddpg agent.tau=0.001", "agent=greedy agent.tau=0.5"],
    ),
    "a group inside a group's section": (
        [{}, {"choices": {"schedule@agent.rate": "cosine"}, "agent__rate": {"T_max": 9}}],
        ["schedule@agent.rate=constant", "schedule@agent.rate=cosine"],
    ),
    "a group that follows from a wider one": (
        [
            {},
            {
                "choices": {"agent": "ppo", "schedule@agent.rate": "cosine"},
                "agent": {"_target_": "Ppo", "rate": {"T_max": 9}},
            },
        ],
        ["agent=ddpg", "agent=ppo"],
    ),
    "an experiment, not what it sets": (
        [{}, {"choices": {"experiment": "mnist", "data": "mnist"}, "bundle": 1, "data__a": 1}],
        ["experiment=quickstart", "experiment=mnist"],
    ),
    "an experiment and a group beside it": (
        [
            {"choices": {"experiment": experiment, "agent": agent}, "updates": n, "agent__x": agent}
            for experiment, n in (("a", 1), ("b", 2))
            for agent in ("ddpg", "ppo")
        ],
        [f"experiment={e} agent={a}" for e in "ab" for a in ("ddpg", "ppo")],
    ),
}


@pytest.mark.parametrize(("runs", "expected"), CASES.values(), ids=CASES)
def test_labels_are_what_differs(
    tmp_path: Path, runs: list[dict[str, Any]], expected: list[str]
) -> None:
    assert labels(tmp_path, *runs) == expected


def test_a_reference_in_a_circle_ends(tmp_path: Path) -> None:
    assert labels(tmp_path, {"bundle": "${strokes}", "strokes": "${bundle}"}) == [
        "experiment=quickstart"
    ]


def test_runs_without_choices_are_told_apart_by_keys(tmp_path: Path) -> None:
    for i in (0, 1):
        write_run(tmp_path / str(i), agent__tau=float(i))
        (tmp_path / str(i) / ".hydra" / "hydra.yaml").unlink()
    variants = group_runs([read_run(tmp_path / "0"), read_run(tmp_path / "1")])
    assert [variant.label for variant in variants] == ["agent.tau=0", "agent.tau=1"]


def test_a_long_label_has_the_words_that_tell_it_from_the_others(tmp_path: Path) -> None:
    many = {f"agent__a_setting_{i}": i for i in range(6)}
    plain, first, second = group_runs(made(tmp_path, {}, {**many, "bundle": 1}, many))
    assert plain.label == plain.settings == "bundle=5"
    all_of_it = " ".join(f"agent.a_setting_{i}={i}" for i in range(6))
    for variant, bundle in ((first, 1), (second, 5)):
        assert variant.settings == f"bundle={bundle} {all_of_it}"
    assert (first.label, second.label) == ("bundle=1 …", "bundle=5 agent.a_setting_0=0 …")


def test_what_long_settings_share_is_left_out() -> None:
    shared = " ".join(f"agent.a_setting_{i}=1" for i in range(4))
    all_settings = [f"{shared} tau={tau} more=yes end={end}" for tau in (1, 2) for end in (3, 4)]
    labels = [_label(one, [*all_settings, "tau=1"]) for one in all_settings]
    start = "agent.a_setting_0=1"
    assert labels == [f"{start} tau={tau} end={end} …" for tau in (1, 2) for end in (3, 4)]
