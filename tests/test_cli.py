"""The program run.py: what it says, leaves and exits with, however a run goes.

Wrong uses are in tests/bad_input.yaml.
"""

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.launch.validation.validate import validate
from tests.conftest import Compose, FakeTasks, RunCli, RunMain, command_line, environment


def wait_until(done: Callable[[], bool], lives: Callable[[], bool]) -> None:
    """Wait for a process to have come so far."""
    deadline = time.monotonic() + 120
    while not done():
        assert lives()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_whole_floats_are_numbers(compose_config: Compose) -> None:
    cfg = compose_config("task=train", "updates=1e4")
    validate(cfg)
    assert cfg.updates == 10_000
    assert isinstance(cfg.updates, int)


def test_a_bundle_may_be_larger_than_the_strokes(compose_config: Compose) -> None:
    validate(compose_config("task=train", "strokes=3", "bundle=8"))


def test_full_error_shows_the_traceback(run_cli: RunCli) -> None:
    done = run_cli("task=drain", HYDRA_FULL_ERROR="1")
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("error: task has no choice 'drain'")


@pytest.mark.parametrize("folder", ["file", "file/below", "occupied"])
def test_run_folder_that_cannot_be_written(
    folder: str, run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "occupied" / "run.log").mkdir(parents=True)
    done = run_main(*fake_tasks.arguments, f"hydra.run.dir={folder}")
    assert done.code == 2
    assert done.err.count("\n") == 1
    what = f"{folder} is not a folder" if folder == "file" else "can't write the run folder"
    assert done.err.startswith(f"error: {what}")
    assert "hydra.run.dir" in done.err


def test_help(run_cli: RunCli) -> None:
    done = run_cli("--help")
    assert done.code == 0
    assert "task=train" in done.out
    assert done.err == ""


def test_finished_run_leaves_config_log_and_summary(
    run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    done = run_main(*fake_tasks.arguments, "hydra.run.dir=out", "seed=3")
    assert (done.code, done.err) == (0, "")
    out = tmp_path / "out"
    assert (out / "run.log").is_file()
    assert (out / ".hydra" / "config.yaml").is_file()
    summary = json.loads((out / "summary.json").read_text())
    assert summary.pop("seconds") > 0
    assert summary.pop("peak_memory_mb") > 10
    summary.pop("git_commit", None)
    assert summary == {
        "task": "fake",
        "status": "finished",
        "seed": 3,
        "strokes": 7,
        "device": "cpu",
        "l2": 0.25,
        "updates": 10,
    }


ENDINGS = {
    "untrained": ("untrained", 0, ""),
    "fail_late": ("failed", 2, "error: the paint is dry — add water\n"),
    "diverge": ("diverged", 2, "error: a loss is nan — lower the rates\n"),
    "fill_disk": ("failed", 2, None),
    "crash": ("failed", 1, None),
    "interrupted": ("interrupted", 143, None),
}


def test_the_config_is_shown_if_asked_for_and_tags_are_kept(
    run_main: RunMain, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    done = run_main(*fake_tasks.arguments, "tags=[first,of-paper]", "hydra.run.dir=out")
    assert (done.code, done.out) == (0, "")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["tags"] == ["first", "of-paper"]
    shown = run_main(*fake_tasks.arguments, "extras.print_config=true", "hydra.run.dir=other").out
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0] == "config"
    assert {"├── canvas", "│   └── size: 128", "├── updates: ${task.updates}"} <= set(lines)
    assert "tags" not in json.loads((tmp_path / "other" / "summary.json").read_text())


@pytest.mark.parametrize("kind", ENDINGS)
def test_every_ending_has_its_status_code_and_line(
    kind: str, run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    status, code, err = ENDINGS[kind]
    arguments = (*fake_tasks.arguments, f"task.kind={kind}", "hydra.run.dir=out")
    done = run_main(*arguments)
    assert done.code == code
    if err is not None:
        assert done.err == err
    if kind == "fill_disk":
        assert done.err.count("\n") == 1
        assert done.err.startswith("error: can't write ")
        assert "/out/big: No space left" in done.err
    if kind == "crash":
        assert "RuntimeError: a bug" in done.err
    if kind == "interrupted":
        assert "resume=" in done.err
        assert "task.kind=interrupted" in done.err.splitlines()[-1]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == status
    if code == 2:
        assert "Traceback" in (tmp_path / "out" / "run.log").read_text()


def test_a_mistake_found_before_anything_is_written_leaves_nothing(
    run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    done = run_main(*fake_tasks.arguments, "task.kind=fail", "hydra.run.dir=out/here")
    assert (done.code, done.err) == (2, "error: the paint is dry — add water\n")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_could_not_save_itself_keeps_its_summary(
    run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    done = run_main(*fake_tasks.arguments, "task.kind=save", "hydra.run.dir=out")
    assert done.code == 2
    assert done.err.startswith(f"error: {tmp_path}/out/checkpoints/last.ckpt can't be written (")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "failed"


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_ends_the_run_in_order(
    number: signal.Signals, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:  # as in the background of a shell: inherited
        signal.signal(number, signal.default_int_handler)
    arguments = (*fake_tasks.arguments, "task.kind=wait", "hydra.run.dir=out")
    process = subprocess.Popen(
        command_line(*arguments),
        cwd=tmp_path,
        env=environment(**fake_tasks.env),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((tmp_path / "out" / "ready").exists, lambda: process.poll() is None)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert err == "interrupted\n"
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "interrupted"


@pytest.mark.usefixtures("hangup")
def test_a_closed_terminal_ends_the_run_in_order(tmp_path: Path, fake_tasks: FakeTasks) -> None:
    """Nobody hears any more what it says, which is no reason to fail."""
    arguments = (*fake_tasks.arguments, "task.kind=wait", "hydra.run.dir=out")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        words = command_line(*arguments)
        os.execvpe(words[0], words, environment(**fake_tasks.env))
    try:
        wait_until((tmp_path / "out" / "ready").exists, lambda: os.waitpid(pid, os.WNOHANG)[0] == 0)
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "interrupted"


def test_under_nohup_a_run_goes_on_without_its_terminal(
    tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    arguments = (*fake_tasks.arguments, "task.kind=wait", "hydra.run.dir=out")
    process = subprocess.Popen(
        ["nohup", *command_line(*arguments)],
        cwd=tmp_path,
        env=environment(**fake_tasks.env),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((tmp_path / "out" / "ready").exists, lambda: process.poll() is None)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert err.endswith("interrupted\n")


def test_sweep_goes_on_after_a_failing_job_and_names_it(
    run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    arguments = ("-m", *fake_tasks.arguments, "task.kind=odd_fails", "updates=1,2,4")
    done = run_main(*arguments)
    assert done.code == 2
    assert "error: job 0 (" in done.err
    assert "updates=1" in done.err
    assert "Traceback" not in done.err
    [sweep] = (tmp_path / "multirun").iterdir()
    statuses = [
        json.loads((sweep / job / "summary.json").read_text())["status"] for job in ("0", "1", "2")
    ]
    assert statuses == ["failed", "finished", "finished"]


def test_resume_auto_goes_on_where_it_was_and_stops_when_finished(
    run_main: RunMain, tmp_path: Path, fake_tasks: FakeTasks
) -> None:
    arguments = (*fake_tasks.arguments, "resume=auto")

    def folder(name: str) -> str:
        return f"hydra.run.dir=runs/{name}"

    first = run_main(*arguments, folder("a"))
    assert first.code == 0
    again = run_main(*arguments, folder("a"))
    assert (again.code, again.err) == (0, "")
    assert "finished" in again.out
    more = run_main(*arguments, folder("a"), "updates=20")
    assert more.code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a"]
    summary = json.loads((tmp_path / "runs" / "a" / "summary.json").read_text())
    assert summary["updates"] == 20
    assert Path(summary["from"]) == Path("runs/a/checkpoints/last.ckpt")
    other = run_main(*arguments, folder("d"), "bundle=2")
    assert other.code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a", "d"]


def test_the_shell_completes_choices(run_cli: RunCli) -> None:
    installed = run_cli("-sc", "install=bash").out
    assert "hydra_bash_completion" in installed
    assert run_cli("-sc", "query=bash", COMP_LINE="python run.py task=pai").out == "task=paint\n"
