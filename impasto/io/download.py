"""Downloads that fail soon, and say what to do instead."""

import contextlib
import http.client
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence

from impasto.errors import UserError

# A download without a network ends within 30 seconds: the look whether a server answers takes at
# most the first number, an answer that stays away in the middle of a download the second.
_PROBE_SECONDS = 12.0
_STALL_SECONDS = 12.0


def reachable(urls: Sequence[str], seconds: float = _PROBE_SECONDS) -> bool:
    """Say whether one of some servers answers in time, be it that it has no such page.

    The limit holds for all together, name lookup and every address of a server included, which a
    socket's own timeout does not cover.

    Args:
        urls: Where to look, all at the same time.
        seconds: How long to wait.
    """
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    for url in urls:
        threading.Thread(target=_probe, args=(url, seconds, answers), daemon=True).start()
    end = time.monotonic() + seconds
    try:
        return any(answers.get(timeout=max(0, end - time.monotonic())) for _ in urls)
    except queue.Empty:
        return False


def _probe(url: str, seconds: float, answers: "queue.SimpleQueue[bool]") -> None:
    """Record whether a server answers."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
    except urllib.error.HTTPError as error:
        answers.put(error.code < 500)  # else from a proxy or a server in trouble
    except (OSError, ValueError, http.client.HTTPException):
        answers.put(False)
    else:
        answers.put(True)


@contextlib.contextmanager
def downloading(
    name: str,
    urls: Sequence[str],
    todo: str,
    errors: tuple[type[BaseException], ...] = (),
    done: str = "downloaded",
) -> Iterator[None]:
    """Turn whatever goes wrong in a download into a ``UserError``.

    Args:
        name: What is downloaded.
        urls: Servers, of which one has to answer before the download starts.
        todo: What to put where instead.
        errors: What the download raises beyond errors of the system and of HTTP.
        done: What was to be done, for the error.

    Raises:
        UserError: No server answers, or the download fails.
    """
    if not reachable(urls):
        raise UserError(f"{name} cannot be {done}: no answer from {urls[0]}", todo)
    expected: tuple[type[BaseException], ...] = (
        OSError,
        RuntimeError,
        ValueError,
        http.client.HTTPException,
        *errors,
    )
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_STALL_SECONDS)
    try:
        yield
    except expected as error:
        if isinstance(error, UserError):
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{name} cannot be {done}: {reason}", todo) from error
    finally:
        socket.setdefaulttimeout(before)
