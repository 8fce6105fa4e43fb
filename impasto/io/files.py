"""Reading of files that a user names, or that lie in a folder that a user names.

Only regular files are opened: a pipe would be waited at for ever, a device has no end, and opening
some devices does something. Their size is asked before they are read. Whatever is wrong is an
``OSError`` whose ``strerror`` says it, so that who asked for the file can say which key it is of.
"""

import csv
import errno
import io
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from impasto.runtime.memory import has_room

# The most that is read of each kind of file, in bytes: far more than any real one has.
TEXT = 2**24  # configs, summaries, lists and indices
TABLE = 2**27  # a CSV file
PICTURE = 2**30
WEIGHTS = 2**33  # a file of weights, which is mapped, or read piece by piece

# Without waiting, and as bytes: what a system has of these.
_AT_ONCE = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
_DEEPEST = 100  # lists and mappings within each other, in YAML
_MOST_NODES = 2**20
_NUMBER = re.compile(r"[-+.\d][-+.:_\w]{4000}")  # more digits than Python reads
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class Unsuitable(OSError):
    """Something other than a regular file, or a file that is too large; `strerror` says which."""

    def __str__(self) -> str:
        """Name the file, and what it is."""
        return f"{self.filename} is {self.strerror}"


def open_file(path: str | Path, at_most: int | None = None) -> io.BufferedReader:
    """Open a regular file for reading, without ever waiting for it.

    Args:
        path: The file, or a link to it.
        at_most: The largest size that is taken, in bytes; any by default.

    Raises:
        Unsuitable: It is no regular file, or is larger.
        OSError: It is missing, or can't be opened.
    """
    _check(path, os.stat(path), at_most)  # first, as opening a device may do something
    # In between it may have become another one: then this doesn't wait, and the next line refuses.
    file = os.fdopen(os.open(path, os.O_RDONLY | _AT_ONCE), "rb")
    try:
        _check(path, os.fstat(file.fileno()), at_most)
    except OSError:
        file.close()
        raise
    return file


def check_file(path: str | Path, at_most: int | None = None) -> None:
    """Look at a file that a library opens by its name; arguments and errors as `open_file`."""
    open_file(path, at_most).close()


def read_bytes(path: str | Path, at_most: int) -> bytes:
    """Read a whole file, as large as it was when it was opened.

    Args:
        path: The file.
        at_most: The largest size that is taken, in bytes.

    Raises:
        OSError: As `open_file`; or there is no memory for it.
    """
    with open_file(path, at_most) as file:
        size = os.fstat(file.fileno()).st_size
        if not has_room(size):
            what = f"{_shown(size)} large, more than there is memory for"
            raise Unsuitable(errno.ENOMEM, what, str(path))
        return file.read(size)


def read_text(path: str | Path, at_most: int = TEXT) -> str:
    """Read a whole file of UTF-8; arguments and errors as `read_bytes`.

    Raises:
        ValueError: It is something else.
    """
    return read_bytes(path, at_most).decode()


def read_json(path: str | Path, at_most: int = TEXT) -> Any:
    """Read the content of a JSON file; arguments and errors as `read_text`."""
    try:
        return json.loads(read_text(path, at_most))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_yaml(path: str | Path, at_most: int = TEXT) -> Any:
    """Read the content of a YAML file, plain values only; arguments and errors as `read_text`."""
    import yaml  # what only reads pictures need not wait for it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is built
    text = read_text(path, at_most)
    try:
        _check_nodes(text, loader)
        return yaml.load(text, loader)
    # What PyYAML raises on text that is no YAML, and on values that are not what they look like.
    except (yaml.YAMLError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def read_rows(path: str | Path, at_most: int = TABLE) -> Iterator[dict[str, str | None]]:
    """Read the rows of a CSV file by its columns; arguments and errors as `read_text`."""
    try:
        yield from csv.DictReader(io.StringIO(read_text(path, at_most), newline=""))
    except csv.Error as error:  # which is no ValueError
        raise ValueError(str(error)) from error


def _check_nodes(text: str, loader: Any) -> None:
    """Refuse YAML that would end the process, or never end.

    PyYAML's loader in C overflows the stack where values are nested deeply, aliases of aliases
    multiply, and a number takes the square of the count of its digits.
    """
    from yaml import events, parse

    sizes: dict[str | None, int] = {}  # of what has an anchor, with what is behind aliases in it
    above: list[tuple[str | None, int]] = []  # its anchor, and how many nodes came before it
    count = 0
    for event in parse(text, loader):
        if isinstance(event, events.CollectionEndEvent):
            anchor, before = above.pop()
            sizes[anchor] = count - before
        elif isinstance(event, events.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"*{event.anchor} stands for nothing, or for what it lies in")
            count += sizes[event.anchor]
        elif isinstance(event, events.NodeEvent):
            above_all = isinstance(event, events.CollectionStartEvent)
            if above_all:
                above.append((event.anchor, count))
            elif not event.style and _NUMBER.match(event.value):
                raise ValueError("it holds a number that is far too long")
            count += 1
            sizes |= {} if above_all else {event.anchor: 1}
        if len(above) > _DEEPEST or count > _MOST_NODES:
            raise ValueError("it is nested too deeply, or holds too much")


def _check(path: str | Path, about: os.stat_result, at_most: int | None) -> None:
    if stat.S_ISDIR(about.st_mode):
        raise Unsuitable(errno.EISDIR, "a folder, not a file", str(path))
    if not stat.S_ISREG(about.st_mode):
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "something else")
        raise Unsuitable(errno.EINVAL, f"{kind}, not a file", str(path))
    if at_most is not None and about.st_size > at_most:
        what = f"{_shown(about.st_size)} large, more than the {_shown(at_most)} that are read"
        raise Unsuitable(errno.EFBIG, what, str(path))


def _shown(size: float) -> str:
    """Format a size in bytes with the unit that suits it.

    >>> _shown(2**40)
    '1.1 TB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
