"""The installed command `impasto PHOTO.jpg`, in terms of `run.py`."""

import os
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from impasto.launch.arguments import is_multirun, quote
from impasto.launch.compose import choices

_HELP = """\
impasto PHOTO.jpg [more pictures, videos or folders; - reads a picture from a pipe] [key=value ...]

finds the brush strokes of a picture, without any training, and leaves in PHOTO-painting/PHOTO/
  painting.png    the painting, as large as the picture
  strokes.json    every stroke, in order, to be drawn again at any size
  painting.gif    the painting being made

  strokes=500                 how many brush strokes; auto: by the picture's content
  quality=good                sketch, good or best; or seconds=20, about how long to paint
  size=2048                   pixels on the painting's longer side
  stroke=oil                  {strokes}
  stroke.palette=12           how many colours
  canvas.background=[1,1,1]   white paper; black is [0,0,0]
  export=[gif,mp4,svg,html]   what to write beside painting.png; html plays the strokes
  seed=1                      another painting of the same picture
  hydra.run.dir=FOLDER        where to write

impasto task=render record=PHOTO-painting/PHOTO/strokes.json size=4096   draws it again, larger
impasto task=paint --help   shows all that concerns painting; with task= alone, all there is"""
_OVERRIDE = re.compile(r"[+~]{0,2}[\w.@/]+=")


def asks_for_help(words: Sequence[str]) -> bool:
    """Return True if the words ask for `short_help`; with `task=` they ask for run.py's help."""
    return not words or (_names_no_task(words) and bool({"-h", "--help"} & set(words)))


def short_help(conf: Path) -> str:
    """Return the help for somebody who wants a painting and nothing else."""
    return _HELP.format(strokes=", ".join(choices(conf, "stroke")))


def as_arguments(words: Sequence[str]) -> list[str]:
    """Turn what a person typed after `impasto` into arguments of run.py.

    With `task=` among them they are arguments already. Otherwise what exists as a file, or looks
    neither like ``key=value`` nor like a flag, is a picture, and everything after ``--`` is one.

    Args:
        words: The command line without the program's name.

    Returns:
        The arguments: `task=paint`, the pictures, a new folder beside where one works, the rest.
    """
    if not _names_no_task(words):
        return list(words)
    pictures: list[str] = []
    rest: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            pictures += words[number + 1 :]
            break
        (pictures if _is_picture(word) else rest).append(word)
    arguments = ["task=paint"]
    if pictures:
        arguments.append(f"image=[{','.join(quote(picture) for picture in pictures)}]")
    if not is_multirun(rest) and not any(word.startswith("hydra.run.dir=") for word in rest):
        arguments.append(f"hydra.run.dir={quote(new_folder(pictures))}")
    return [*arguments, *rest]


def new_folder(pictures: Sequence[str]) -> str:
    """The name of a folder that does not exist yet, after the picture if there is one.

    >>> new_folder(["holiday/my dog.jpg"])
    'my dog-painting'
    >>> new_folder(["a.jpg", "b.jpg"])
    'paintings'
    """
    name = "paintings"
    if len(pictures) == 1:
        stem = Path(pictures[0]).stem.lstrip(".-~") or "picture"
        name = f"{_short(stem)}-painting"
    names = (f"{name}-{number}" if number > 1 else name for number in count(1))
    return next(name for name in names if not os.path.lexists(name))


def _names_no_task(words: Sequence[str]) -> bool:
    return not any(word.startswith("task=") for word in words)


def _short(stem: str) -> str:
    """Shorten a name so that a folder may bear it, and a number after it."""
    return stem.encode()[:200].decode(errors="ignore")


def _is_picture(word: str) -> bool:
    # A dash alone is a picture on standard input.
    return (
        word == "-" or os.path.lexists(word) or not (word.startswith("-") or _OVERRIDE.match(word))
    )
