"""A process that has loaded what a run needs, and forks one for every line that it reads.

A start of Python with torch and Lightning takes seconds, most of a small run's time. What is forked
here is a real process: it runs `cli.main(argv)`, holds its own lock, gets real signals, and ends by
them. Lines are JSON: `{"argv": [...], "cwd": ..., "out": FILE, "err": FILE, "env": {...},
"file_limit": BYTES or null}` in; `{"pid": N}` out at once, `{"pid": N, "code": C}` when it ended.
"""

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

_PRELOADED = (
    "torch",
    "pytorch_lightning",
    "sklearn.datasets",
    "torchmetrics.functional.image",
    "matplotlib.pyplot",
    "datamodules",
    "lightning_modules",
    "impasto.rl.rewards",
    "impasto.rl.replay",
    "impasto.rl.exploration",
    "impasto.renderers",
    "impasto.tasks.train",
    "impasto.tasks.evaluate.agent",
    "impasto.launch.cli",
)


def serve() -> None:
    """Fork until standard input ends; then leave no child behind."""
    for name in _PRELOADED:
        importlib.import_module(name)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    replies = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not get between the replies
    _reply(replies, {"ready": True})
    children: set[int] = set()
    while True:
        readable, _, _ = select.select([0, woken], [], [])
        if woken in readable:
            os.read(woken, 512)
            for pid, code in _ended():
                children.discard(pid)
                _reply(replies, {"pid": pid, "code": code})
        if 0 in readable:
            line = _read_line()
            if not line:
                break
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                for descriptor in (woken, wake, replies):
                    os.close(descriptor)
                _live(request)
            children.add(pid)
            _reply(replies, {"pid": pid})
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _reply(descriptor: int, value: object) -> None:
    os.write(descriptor, json.dumps(value).encode() + b"\n")


def _read_line() -> bytes:
    """One line of standard input, read unbuffered: what is buffered would be copied by a fork."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return bytes(line)


def _ended() -> list[tuple[int, int]]:
    """Children that ended, with Python's return code: minus the signal that killed one."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            found.append((pid, os.waitstatus_to_exitcode(status)))
    return found


def _live(request: dict[str, Any]) -> NoReturn:
    """Be the run."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setpgid(0, 0)  # a signal to the group reaches its workers, and not the server
        for name, descriptor in (("out", 1), ("err", 2)):
            file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, descriptor)
            os.close(file)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        limit = request.get("file_limit")
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        sys.argv = [str(Path(request["program"])), *request["argv"]]
        from impasto.launch import cli

        try:
            cli.main(request["argv"])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        # As an interpreter does at its end; the data loader's workers are ended by it, too.
        import atexit

        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
