"""Checks of the arguments that all image sets take."""

from pathlib import Path

from impasto.errors import UserError


def checked_root(root: str, cache: Path) -> Path:
    """Check that the root exists, is not empty and would not be written to."""
    path = Path(root).expanduser()
    if not root:  # which pathlib takes for the current folder
        raise UserError("`root` is given, but empty", "give the folder that holds the data set")
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "no such folder"
        raise UserError(f"`root={root}`: {what}", "give the folder that holds the data set")
    if not any(path.iterdir()):
        raise UserError(f"`root={root}`: the folder is empty", "put the data set there")
    if cache.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"`cache={cache}` lies in `root={root}`, which is only ever read",
            "give another folder as `cache`",
        )
    return path


def checked_streaming(value: bool, streams: bool, name: str) -> bool:
    """Check that `streaming` is false for a set that is small."""
    if value and not streams:
        raise UserError(
            f"`streaming=true`: {name} is small, and always prepared", "leave `streaming` out"
        )
    return value
