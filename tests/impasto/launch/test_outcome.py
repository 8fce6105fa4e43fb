"""What the system does to a run is a line that says what to do."""

import errno
import os
import signal
import sys
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from impasto.launch.compose import CONF
from impasto.launch.outcome import (
    Terminated,
    outcome_before_job,
    outcome_of,
    terminable,
    undisturbed,
)
from tests.conftest import RunMain


class Faulty(Dataset[int]):
    """Data whose reader is killed, or doesn't find its file."""

    def __init__(self, killed: bool) -> None:
        self.killed = killed

    def __len__(self) -> int:
        return 8

    def __getitem__(self, number: int) -> int:
        if self.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        Path("/nowhere/images.npy").read_bytes()
        return number


@pytest.mark.skipif(sys.platform != "linux", reason="processes that read are forked on Linux")
@pytest.mark.parametrize(
    ("killed", "words"),
    [
        (True, ["a process that reads data was killed", "data.num_workers", "resume=auto"]),
        (False, ["a file is gone", "/nowhere/images.npy", "put it back", "resume=auto"]),
    ],
)
def test_a_reader_that_fails_is_one_line(killed: bool, words: list[str]) -> None:
    with pytest.raises((RuntimeError, FileNotFoundError)) as caught:
        list(DataLoader(Faulty(killed), num_workers=1))
    outcome = outcome_of(caught.value)
    assert (outcome.status, outcome.code) == ("failed", 2)
    assert "\n" not in outcome.message
    assert outcome.message.startswith("error: ")
    for word in words:
        assert word in outcome.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EDQUOT])
def test_what_cannot_be_written_is_named(number: int) -> None:
    outcome = outcome_of(OSError(number, os.strerror(number), "out/metrics.csv"))
    assert outcome.code == 2
    assert "can't write out/metrics.csv" in outcome.message
    assert "make room" in outcome.message


def test_a_bug_stays_a_bug() -> None:
    for error in (RuntimeError("stack expects a non-empty TensorList"), OSError(5, "no")):
        assert outcome_of(error).code == 1


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_end_a_run_in_order(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Terminated) as caught, terminable():
        signal.raise_signal(number)
    assert outcome_of(caught.value).code == 128 + number
    assert signal.getsignal(number) == before


def test_signals_wait_for_the_summary() -> None:
    done = []

    def finish() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGTERM)
            done.append("the summary")
        done.append("not reached")

    with pytest.raises(Terminated), terminable():
        finish()
    assert done == ["the summary"]


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (Terminated(signal.SIGUSR1), 138)]
)
def test_a_signal_before_a_run_begins_names_the_way_on(
    error: BaseException, code: int, run_main: RunMain, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = outcome_before_job(error, CONF, [])
    assert (outcome.status, outcome.code) == ("interrupted", code)

    def interrupt(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("impasto.launch.cli.start", interrupt)
    done = run_main("task=train", "resume=auto")
    assert done.code == code
    assert done.err == (
        "interrupted before a run began\nto go on: python run.py task=train resume=auto\n"
    )
