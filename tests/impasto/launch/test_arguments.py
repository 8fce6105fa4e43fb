"""Names of files on the command line arrive as they are."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from impasto.launch.arguments import quote_paths
from impasto.launch.compose import compose_run, one_at_a_time

NAMES = [
    "plain.png",
    "two words.png",
    "[1].png",
    "a,b.png",
    "it's.png",
    'say "hi".png',
    "'quoted'.png",
    "a=b.png",
    "~tilde.png",
    "~",
    "déjà vu.png",
    "back\\slash.png",
    "ends\\",
    "${x}.png",
    "\\${x}.png",
    "a$b.png",
    "{a: b}.png",
    "(1).png",
    "null",
    "123",
    "1e5",
    "true",
    "# no comment.png",
    "100%.png",
    "a:b;c&d|e!.png",
    " lead and trail ",
    "[a.png,b.png]",
    "range(1,3)",
    "-dash.png",
    ".dot.png",
    "@here.png",
    "two\nlines.png",
    "tab\t.png",
    "e\u0301 in two code points.png",
    "猫😀.png",
    251 * "x" + ".png",
]


@pytest.mark.parametrize("multirun", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_any_name_arrives_as_it_is(
    name: str, multirun: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    flags = ["-m"] if multirun else []
    arguments = quote_paths([*flags, "task=paint", f"image={name}"])
    [words] = one_at_a_time(arguments[len(flags) :]) if multirun else [arguments]
    cfg = compose_run(words)
    assert cfg.image == name
    assert type(cfg.image) is str


# Tasks and choices with a key that names files, and the key.
WAYS = (
    (["task=render"], "record"),
    (["task=paint", "stroke=brush"], "stroke.image"),
    (["task=evaluate"], "agent.weights"),
    (["task=compare"], "baseline"),
    (["task=train", "reward=perceptual"], "reward.weights"),
    (["task=train", "data=mnist"], "data.root"),
)


@pytest.mark.parametrize(("overrides", "key"), WAYS, ids=[key for _, key in WAYS])
def test_so_it_does_under_every_key_that_is_taken_as_typed(
    overrides: list[str], key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "it's [1], a=b ~ #${x}.png"
    for there in (False, True):
        if there:
            (tmp_path / name).touch()
        arguments = quote_paths([*overrides, f"{key}={name}"])
        cfg = compose_run(arguments)
        assert OmegaConf.select(cfg, key) == name


def test_three_question_marks_are_a_name_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # to OmegaConf they say that a value is missing
    cfg = compose_run(quote_paths(["task=paint", "image=???"]))
    assert cfg.image == "./???"


def test_hydras_own_notation_still_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PICTURES", "/pictures")
    for argument, expected in {
        "image=[a.png,'b c.png']": ["a.png", "b c.png"],
        "image='quoted name.png'": "quoted name.png",
        "image=${oc.env:PICTURES}/a.png": "/pictures/a.png",
        "resume=auto": "auto",
        "resume=null": None,
        "image=missing [1].png": "missing [1].png",
        "image=~/a.png": str(Path.home() / "a.png"),
        "image=*.png": "*.png",
    }.items():
        cfg = compose_run(quote_paths(["task=paint", argument]))
        assert cfg[argument.partition("=")[0]] == expected


def test_a_sweep_splits_names_at_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = quote_paths(["-m", "task=paint", "image=a 1.png,b=2.png"])
    jobs = [compose_run(words) for words in one_at_a_time(arguments[1:])]
    assert [cfg.image for cfg in jobs] == ["a 1.png", "b=2.png"]
