"""The plan shares runs, the runner skips and goes on, and the report says what became of claims."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impasto.errors import UserError
from impasto.tasks.ablations import runner
from impasto.tasks.ablations.ablations import ablations
from impasto.tasks.ablations.plan import Job, Plan, read_plan
from impasto.tasks.ablations.report import write_ablations
from tests.impasto.tasks.runs.comparison.folders import write_run

PLAN: dict[str, Any] = {
    "scales": {"small": {"base": ["experiment=tiny"], "seeds": [0, 7]}},
    "rows": {
        "a": {
            "title": "Agents",
            "source": "ICCV",
            "paper": "One is better.",
            "variants": {"one": [], "two": ["agent=ddpg"], "three": ["agent=td3", "x=[a, b]"]},
            "claims": [["one", "two"], ["three", "one"]],
        },
        "b": {
            "title": "Bundles",
            "source": "ICCV",
            "paper": "Five.",
            "variants": {"five": [], "one": ["bundle=1"]},
            "claims": [],
        },
    },
}

# A program that counts how often it was called, and leaves what its overrides ask for.
PROGRAM = """
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[-1].removeprefix("hydra.run.dir="))
folder.mkdir(exist_ok=True)
calls = folder / "calls.json"
(folder / "gpu").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))
made = json.loads(calls.read_text()) if calls.exists() else []
calls.write_text(json.dumps([*made, sys.argv[1:]]))
if "fails" in sys.argv:
    sys.exit("it failed")
if "stops=0" not in sys.argv or made:
    status = "diverged" if "diverges" in sys.argv else "finished"
    (folder / "summary.json").write_text(json.dumps({"status": status}))
sys.exit(1 if "diverges" in sys.argv else 0)
"""


def the_plan(folder: Path, chosen: list[str] | None = None) -> Plan:
    return read_plan(PLAN, "small", chosen, ["y=1"], folder)


def test_rows_share_runs_and_first_seeds_come_first(tmp_path: Path) -> None:
    jobs = the_plan(tmp_path).jobs()
    assert [str(job.folder.relative_to(tmp_path)) for job in jobs] == [
        "base/seed0",
        "agent=ddpg/seed0",
        "agent=td3_x=-a-b/seed0",
        "bundle=1/seed0",
        "base/seed7",
        "agent=ddpg/seed7",
        "agent=td3_x=-a-b/seed7",
        "bundle=1/seed7",
    ]
    assert jobs[2].overrides == (
        "task=train",
        "experiment=tiny",
        "y=1",
        "agent=td3",
        "x=[a, b]",
        "seed=0",
    )
    assert len(the_plan(tmp_path, ["b"]).jobs()) == 4


@pytest.mark.parametrize(
    ("scale", "chosen", "message"),
    [
        ("large", None, "scale is 'large' — choose from small"),
        ("small", ["c"], "rows has no 'c' — choose from a, b"),
    ],
)
def test_unknown_scales_and_rows(
    tmp_path: Path, scale: str, chosen: list[str] | None, message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        read_plan(PLAN, scale, chosen, [], tmp_path)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Job]:
    """Makes jobs of a small program."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    monkeypatch.setattr(runner, "_PROGRAM", (sys.executable, str(path)))
    return lambda *words: Job(tmp_path / "-".join(words), words)


def calls(job: Job) -> list[list[str]]:
    made: list[list[str]] = json.loads((job.folder / "calls.json").read_text())
    return made


def test_runs_are_made_once_and_gone_on_with(program: Callable[..., Job], tmp_path: Path) -> None:
    """A finished and a diverged one are left, a stopped and a failed one are started again."""
    done, stopped, wrong, off = (
        program(word) for word in ("done=1", "stops=0", "fails", "diverges")
    )
    assert runner.run_all([done, stopped, wrong, off], 2) == [wrong]
    assert runner.run_all([done, stopped, wrong, off], 2) == [wrong]
    assert [len(calls(job)) for job in (done, stopped, wrong, off)] == [1, 2, 2, 1]
    assert calls(done)[0] == ["done=1", "resume=auto", f"hydra.run.dir={done.folder}"]
    assert (tmp_path / "fails.log").read_text() == "it failed\n" * 2
    assert [runner.has_ended(job) for job in (done, stopped, wrong, off)] == [
        True,
        True,
        False,
        True,
    ]


def test_what_needs_another_run_begins_after_it_and_fails_with_it(
    program: Callable[..., Job],
) -> None:
    first, wrong, stopped = program("first"), program("fails"), program("stops=0")
    after, lost, later = (
        replace(program(f"after={job.folder.name}"), after=job) for job in (first, wrong, stopped)
    )
    jobs = [wrong, first, stopped, lost, after, later]
    assert set(runner.run_all(jobs, 4)) == {wrong, lost, later}
    assert len(calls(after)) == 1
    assert not lost.folder.exists()
    assert set(runner.run_all(jobs, 4)) == {wrong, lost}  # the second time it doesn't stop
    assert len(calls(later)) == 1


def test_each_gpu_has_a_run(program: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert runner.gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    jobs = [program(f"n={n}") for n in range(3)]
    runner.run_all(jobs, 2)
    seen = [(job.folder / "gpu").read_text() for job in jobs]
    assert sorted(seen[:2]) == ["5", "7"]
    assert seen[2] in seen[:2]


def test_no_more_run_side_by_side_than_asked_for(
    program: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []
    real = runner._start

    def counted(job: Job, gpu: str | None) -> object:
        alive.append(sum(process.poll() is None for process in started))
        started.append(real(job, gpu))
        return started[-1]

    started: list[Any] = []
    monkeypatch.setattr(runner, "_start", counted)
    jobs = [program(f"n={n}") for n in range(4)]
    assert runner.run_all(jobs, 1) == []
    assert alive == [0, 0, 0, 0]


def test_an_interruption_reaches_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sleeper.py"
    path.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(runner, "_PROGRAM", (sys.executable, str(path)))
    started: list[Any] = []
    real = runner._start
    monkeypatch.setattr(runner, "_start", lambda *it: started.append(real(*it)) or started[-1])

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.run_all([Job(tmp_path / "a", ()), Job(tmp_path / "b", ())], 2)
    assert [process.returncode for process in started] == [-15, -15]


def test_a_row_may_differ_at_a_scale(tmp_path: Path) -> None:
    other = {"variants": {"five": [], "nine": ["bundle=9"]}, "claims": [["five", "nine"]]}
    rows = {"b": {**PLAN["rows"]["b"], "at": {"small": other, "large": {"title": "No"}}}}
    [row] = read_plan({**PLAN, "rows": rows}, "small", None, [], tmp_path).rows
    assert (row.title, row.variants, row.claims) == ("Bundles", *other.values())


def made_up(plan: Plan, variant: list[str], l2: list[float], agent: str = "ddpg") -> None:
    for job, value in zip(plan.runs(variant), l2, strict=True):
        overrides = list(job.overrides)
        write_run(
            job.folder,
            l2=value,
            seed=int(job.folder.name[4:]),
            overrides=overrides,
            choices={"agent": agent},
            validations=[(10, 1.0, value), (20, 2.0, value)],
            agent___target_=agent,
        )


def test_the_report_says_what_became_of_each_claim(tmp_path: Path) -> None:
    plan = the_plan(tmp_path / "runs", ["a"])
    made_up(plan, [], [0.10, 0.12], "model")
    made_up(plan, ["agent=ddpg"], [0.50, 0.54])
    made_up(plan, ["agent=td3", "x=[a, b]"], [0.11, 0.12], "td3")
    text = write_ablations(tmp_path, plan).read_text()
    assert "`python run.py task=ablations scale=small 'rows=[a]' 'vary=[\"y=1\"]'`: 2 seeds" in text
    assert "| a | one below two | **agrees** |\n| a | three below one | no diff" in text
    assert "## (a) Agents\n\nICCV. *The paper:* One is better." in text
    assert "| one |  | 2 | 0.11000 ± 0.01414 | baseline |" in text
    assert "| two | `agent=ddpg` | 2 | 0.52000 ± 0.02828 | worse |" in text
    assert "- one below two: **agrees**" in text
    assert "- three below one: no difference seen" in text
    rows = (tmp_path / "a" / "report.md").read_text().splitlines()[4:7]
    assert [row.split("|")[1].strip() for row in rows] == ["`one`", "`three`", "`two`"]
    for name in ("report.md", "report.html", "l2_by_update.png"):
        assert (tmp_path / "a" / name).exists()


def test_claims_that_are_refuted_or_not_run_yet(tmp_path: Path) -> None:
    plan = the_plan(tmp_path / "runs", ["a"])
    made_up(plan, [], [0.50, 0.51], "model")
    made_up(plan, ["agent=ddpg"], [0.10, 0.11])
    text = write_ablations(tmp_path, plan).read_text()
    assert "- one below two: **disagrees**" in text
    assert "- three below one: not run yet" in text
    assert "| three | `agent=td3 x=[a, b]` | 0 | – | no finished run |" in text


def test_without_a_finished_run_there_is_no_report(
    tmp_path: Path, program: Callable[..., Job]
) -> None:
    plan = {**PLAN, "scales": {"small": {"base": ["fails"], "seeds": [0]}}}
    with pytest.raises(UserError, match=r"no run in .* has finished"):
        ablations(plan, "small", tmp_path / "out")
    with pytest.raises(UserError, match=r"^`jobs` is 0 — give a whole number"):
        ablations(plan, "small", tmp_path / "out", jobs=0)
