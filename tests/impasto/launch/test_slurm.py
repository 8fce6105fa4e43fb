"""A job whose time is nearly up puts itself into Slurm's queue again."""

import os
from pathlib import Path

import pytest

from impasto.errors import stop_signals
from impasto.launch.slurm import requeue, resumed

JOB = {"SLURM_JOB_ID": "12"}
ARRAY = {"SLURM_ARRAY_JOB_ID": "10", "SLURM_ARRAY_TASK_ID": "2"}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a `scontrol` on the path was asked; it refuses job 13."""
    notes = tmp_path / "asked"
    program = tmp_path / "scontrol"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{notes}"\n[ "$2" != 13 ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return notes


@pytest.mark.parametrize(("job", "name"), [(JOB, "12"), (JOB | ARRAY, "10_2")])
def test_slurm_is_asked_once_by_the_jobs_name(asked: Path, job: dict[str, str], name: str) -> None:
    assert requeue(job | {"SLURM_PROCID": "0"}) == name
    assert asked.read_text() == f"requeue {name}\n"


@pytest.mark.parametrize(
    "environment",
    [{}, JOB | {"SLURM_PROCID": "1"}, JOB | {"SUBMITIT_EXECUTOR": "slurm"}],
    ids=["no job", "another task", "submitit's"],
)
def test_slurm_is_not_asked(asked: Path, environment: dict[str, str]) -> None:
    assert requeue(environment) is None
    assert not asked.exists()


def test_a_refusal_is_none(asked: Path) -> None:
    assert requeue({"SLURM_JOB_ID": "13"}) is None
    assert asked.read_text() == "requeue 13\n"


def test_without_scontrol_there_is_no_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert requeue(JOB) is None


@pytest.mark.parametrize(
    ("arguments", "count", "expected"),
    [
        (["task=train"], "1", ["task=train", "resume=auto"]),
        (["task=train", "resume=a.ckpt"], "1", ["task=train", "resume=a.ckpt"]),
        (["task=train"], "0", ["task=train"]),
        (["task=train"], None, ["task=train"]),
    ],
)
def test_a_job_that_slurm_starts_again_goes_on(
    arguments: list[str], count: str | None, expected: list[str]
) -> None:
    environment = {} if count is None else {"SLURM_RESTART_COUNT": count}
    assert resumed(arguments, environment) == expected


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize(
    ("of_submitit", "names"),
    [
        (None, ["SIGTERM", "SIGHUP", "SIGUSR1"]),
        ("USR2", ["SIGTERM", "SIGHUP", "SIGUSR1"]),
        ("USR1", ["SIGTERM", "SIGHUP"]),
        ("SIGHUP", ["SIGTERM", "SIGUSR1"]),
    ],
)
def test_submitits_signal_stays_submitits(
    of_submitit: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUBMITIT_PREEMPT_SIGNAL", raising=False)
    if of_submitit is not None:
        monkeypatch.setenv("SUBMITIT_PREEMPT_SIGNAL", of_submitit)
    assert [number.name for number in stop_signals()] == names
