"""Silencing of libraries' needless messages, and of output that nobody reads any more."""

import errno
import io
import logging
import sys
import warnings
from typing import Any

_NO_NEWS = (
    r".*module\(s\) in eval mode at the start",  # target networks and renderers are
    r".*does not have many workers",  # reading from the cache needs none
    r".*LeafSpec.* is deprecated",  # between Lightning and torch
)


def silence_libraries() -> None:
    """Leave out Lightning's advertisements, and its advice on what is done here on purpose.

    To be called once it is loaded, if it is: loading it sets what it says.
    """
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.raiseExceptions = False  # a log that can't be written, on a full disk, says nothing
    for message in _NO_NEWS:
        warnings.filterwarnings("ignore", message=message)


class _Terminal(io.FileIO):
    """Terminal that may be closed while something is written to it, without an error."""

    def write(self, data: Any) -> int:
        """Write; discard the data once the terminal is closed."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def outlive_terminal() -> None:
    """Discard what is printed after the terminal was closed, instead of ending the run.

    Its SIGHUP asks the run to save itself, which takes longer than the terminal is there.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or not stream.isatty():
            continue
        stream.flush()
        buffer = io.BufferedWriter(_Terminal(stream.fileno(), "w", closefd=False))
        heard = io.TextIOWrapper(
            buffer, stream.encoding, stream.errors, line_buffering=True, write_through=True
        )
        setattr(sys, name, heard)
