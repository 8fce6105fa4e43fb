"""Commands run one after the other, each in a fork of a process that has loaded what they need.

``python -m tests.forked`` reads a JSON list of commands, each a list of arguments, from standard
input, and writes what became of each, a line of JSON: `code`, `err` (standard error), `megabytes`
(the most memory that it had). One that computes for a minute, or waits for many, is ended by a
signal; one that takes gigabytes gets a MemoryError.
"""

import importlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NoReturn

MOST_SECONDS = 60  # of the processor's time; a machine that is busy takes longer by the clock
PATIENCE = 600  # seconds by the clock, after which something waits for what does not come
_MOST_MEMORY = 4 << 30  # bytes beyond what the process has mapped already
_PRELOADED = (
    "torch",
    "pytorch_lightning",
    "torchvision.models",
    "matplotlib.pyplot",
    "datamodules",
    "lightning_modules",
    "impasto.rl.rewards",
    "impasto.rl.replay",
    "impasto.renderers",
    "impasto.tasks.train",
    "impasto.tasks.runs.compare",
    "impasto.tasks.evaluate.agent",
    "impasto.tasks.paint",
    "impasto.tasks.visualize",
    "impasto.tasks.stylize",
    "impasto.launch.cli",
)


def run_forked(command: Sequence[str]) -> dict[str, Any]:
    """What became of one command."""
    with tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            _be(command, err.fileno())
        _, status, usage = os.wait4(pid, 0)
        err.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "err": err.read().decode(errors="replace"),
            "megabytes": usage.ru_maxrss / 1024,
        }


def _be(command: Sequence[str], err: int) -> NoReturn:
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(err, 2)
        with open("/proc/self/statm", encoding="utf-8") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + _MOST_MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS,) * 2)
        signal.alarm(PATIENCE)
        sys.argv[1:] = command
        importlib.import_module("impasto.launch.cli").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # so that nothing of the parent's goes on in here
        os.write(2, f"Traceback: {error!r}\n".encode())
    finally:
        os._exit(code)


if __name__ == "__main__":
    for name in _PRELOADED:
        importlib.import_module(name)
    for command in json.load(sys.stdin):
        print(json.dumps(run_forked(command)), flush=True)
