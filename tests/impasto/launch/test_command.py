"""What is typed after `impasto`."""

import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig

from impasto.errors import UserError
from impasto.launch.arguments import quote_paths
from impasto.launch.command import as_arguments, asks_for_help, short_help
from impasto.launch.compose import choices, compose_run
from impasto.tasks.runs.run_folder import command
from tests.conftest import CONF
from tests.impasto.launch.test_arguments import NAMES


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def composed(*words: str) -> DictConfig:
    return compose_run(quote_paths(as_arguments(words)))


def test_a_picture_is_painted_beside_where_one_works(tmp_path: Path) -> None:
    cfg = composed("in/PHOTO.jpg", "strokes=100")
    assert (cfg.task.call._target_, cfg.strokes) == ("impasto.tasks.paint.paint", 100)
    assert (cfg.image, cfg.hydra.run.dir) == (["in/PHOTO.jpg"], "PHOTO-painting")
    (tmp_path / "PHOTO-painting").mkdir()
    assert composed("in/PHOTO.jpg").hydra.run.dir == "PHOTO-painting-2"
    assert composed("PHOTO.jpg", "hydra.run.dir=out").hydra.run.dir == "out"


def test_several_pictures_and_keys_in_any_order() -> None:
    cfg = composed("a.jpg", "canvas.background=[1,1,1]", "folder/", "+task.x=1", "b.png")
    assert cfg.image == ["a.jpg", "folder/", "b.png"]
    assert (cfg.canvas.background, cfg.task.x) == ([1, 1, 1], 1)
    assert cfg.hydra.run.dir == "paintings"


@pytest.mark.parametrize("name", [*NAMES, "-dash.png", "--help.png", "strokes=5.png"])
def test_any_name_that_exists_is_a_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    cfg = composed(name)
    assert list(cfg.image) == [name]
    assert str(cfg.hydra.run.dir).endswith("-painting")
    assert "/" not in cfg.hydra.run.dir


def test_a_dash_alone_is_a_picture_on_standard_input() -> None:
    cfg = composed("-", "strokes=7")
    assert (cfg.image, cfg.strokes, cfg.hydra.run.dir) == (["-"], 7, "picture-painting")


def test_a_long_name_leaves_room_for_its_folder() -> None:
    folder = composed("é" * 120 + ".jpg").hydra.run.dir
    assert folder == "é" * 100 + "-painting"


def test_after_two_dashes_everything_is_a_picture() -> None:
    cfg = composed("strokes=7", "--", "-x.png", "seed=1")
    assert (cfg.image, cfg.strokes, cfg.seed) == (["-x.png", "seed=1"], 7, 0)


def test_a_task_is_taken_as_it_is() -> None:
    words = ["task=render", "record=strokes.json", "--cfg", "job"]
    assert as_arguments(words) == words
    assert not asks_for_help(["task=paint", "--help"])


def test_help_is_short_and_names_what_there_is() -> None:
    assert asks_for_help([])
    assert asks_for_help(["a.jpg", "--help"])
    text = short_help(CONF)
    assert text.count("\n") < 25
    assert ", ".join(choices(CONF, "stroke")) in text
    for line in text.splitlines():
        key, equals, value = line.strip().partition("  ")[0].partition("=")
        if equals and " " not in key:
            composed("a.jpg", f"{key}={value}")


def test_a_mistake_is_answered_in_the_words_that_were_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for typed, said in (("/usr/bin/impasto", "impasto"), ("run.py", "python run.py")):
        monkeypatch.setattr(sys, "argv", [typed])
        for words in (["a.jpg"], ["task=train"]):
            task = as_arguments(words)[0]
            meant = rf"did you mean 'strokes'\? {said} {task} --help shows"
            with pytest.raises(UserError, match=meant):
                composed(*words, "strkes=5")
        assert command(["task=paint"]) == f"{said} task=paint"
