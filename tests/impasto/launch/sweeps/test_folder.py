"""Which job has which folder of a sweep."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from impasto.errors import UserError
from impasto.launch.resume import locked
from impasto.launch.sweeps.folder import assign, held, newest_sweep, register_jobs
from impasto.tasks.runs.run_state import RUNNING, is_held, read_state


def config(**values: Any) -> DictConfig:
    base = {"seed": 0, "updates": "${task.updates}", "task": {"updates": 5}, "image": None}
    return OmegaConf.create({**base, **values, "hydra": {"any": 1}})


def leave(sweep: Path, name: str, overrides: list[str], cfg: DictConfig, **summary: Any) -> None:
    """What a job leaves."""
    folder = sweep / name / ".hydra"
    folder.mkdir(parents=True)
    del cfg["hydra"]
    OmegaConf.save(cfg, folder / "config.yaml")
    (folder / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    if summary:
        (sweep / name / "summary.json").write_text(json.dumps(summary))


def numbers(sweep: Path, jobs: list[tuple[list[str], DictConfig]]) -> list[str]:
    found = assign(
        sweep, [cfg for _, cfg in jobs], [words for words, _ in jobs], [None] * len(jobs)
    )
    return [job.name for job in found]


def test_a_new_sweep_has_consecutive_numbers(tmp_path: Path) -> None:
    jobs = [([f"seed={seed}"], config(seed=seed)) for seed in (3, 1, 2)]
    assert numbers(tmp_path / "none", jobs) == ["0", "1", "2"]


def test_jobs_are_known_again_whatever_their_order(tmp_path: Path) -> None:
    for name, seed in (("0", 3), ("1", 1)):
        leave(tmp_path, name, [f"seed={seed}"], config(seed=seed), status="finished", updates=5)
    jobs = [([f"seed={seed}"], config(seed=seed)) for seed in (1, 2, 3)]
    assert numbers(tmp_path, jobs) == ["1", "2", "0"]
    assigned = assign(tmp_path, [c for _, c in jobs], [w for w, _ in jobs], [None] * 3)
    assert [job.ended for job in assigned] == [True, False, True]


def test_no_job_gets_the_folder_of_another_config(tmp_path: Path) -> None:
    leave(tmp_path, "0", ["seed=0"], config(seed=0))
    leave(tmp_path, "1", ["seed=1"], config(seed=1))
    jobs = [([f"seed={seed}"], config(seed=seed)) for seed in (7, 1, 8)]
    assert numbers(tmp_path, jobs) == ["2", "1", "3"]


def test_what_may_change_does_not_make_another_job_unless_it_is_swept(tmp_path: Path) -> None:
    leave(tmp_path, "0", ["updates=2"], config(updates=2), status="finished", updates=2)
    one = [(["updates=4"], config(updates=4))]
    assert numbers(tmp_path, one) == ["0"]  # goes on to 4
    both = [([f"updates={n}"], config(updates=n)) for n in (4, 2)]
    assert numbers(tmp_path, both) == ["1", "0"]


def test_swept_trainers_keep_their_folders(tmp_path: Path) -> None:
    for name, kind in (("0", "cpu"), ("1", "cuda")):
        leave(tmp_path, name, [f"trainer={kind}"], config(trainer={"accelerator": kind}))
    swapped = [([f"trainer={k}"], config(trainer={"accelerator": k})) for k in ("cuda", "cpu")]
    assert numbers(tmp_path, swapped) == ["1", "0"]
    others = [([f"trainer={k}"], config(trainer={"accelerator": k})) for k in ("mps", "gpu")]
    assert numbers(tmp_path, others) == ["2", "3"]


def test_another_picture_is_another_job(tmp_path: Path) -> None:
    leave(tmp_path, "0", ["image=a.png"], config(image="a.png"), status="finished")
    assert numbers(tmp_path, [(["image=b.png"], config(image="b.png"))]) == ["1"]


def test_equal_jobs_have_folders_of_their_own(tmp_path: Path) -> None:
    twice = [(["seed=0"], config()), (["seed=0"], config())]
    assert numbers(tmp_path, twice) == ["0", "1"]
    leave(tmp_path, "0", ["seed=0"], config())
    assert numbers(tmp_path, twice) == ["0", "1"]


def test_a_folder_named_by_the_user_is_never_given_to_another_config(tmp_path: Path) -> None:
    leave(tmp_path, "mine", ["seed=0"], config(seed=0))
    assert assign(tmp_path, [config(seed=0)], [["seed=0"]], ["mine"])[0].name == "mine"
    with pytest.raises(UserError, match=r"mine holds a run with another config \(seed 0 there, 4"):
        assign(tmp_path, [config(seed=4)], [["seed=4"]], ["mine"])


@pytest.mark.parametrize(
    ("summary", "updates", "ended"),
    [
        ({"status": "finished", "updates": 5}, 5, True),
        ({"status": "finished", "updates": 5}, 6, False),
        ({"status": "finished"}, None, True),
        ({"status": "untrained", "updates": 5}, 5, True),
        ({"status": "pruned", "updates": 2}, 5, True),
        ({"status": "diverged"}, 5, True),
        ({"status": "failed"}, 5, False),
        ({"status": "interrupted", "updates": 2}, 5, False),
        ({}, 5, False),
    ],
)
def test_what_has_ended(
    tmp_path: Path, summary: dict[str, Any], updates: int | None, ended: bool
) -> None:
    cfg = config(updates=updates)
    leave(tmp_path, "0", ["seed=0"], config(updates=updates), **summary)
    assert assign(tmp_path, [cfg], [["seed=0"]], [None])[0].ended is ended


def test_jobs_are_noted_beside_those_of_earlier_starts(tmp_path: Path) -> None:
    def note(*seeds: int) -> dict[str, list[str]]:
        jobs = [([f"seed={seed}"], config(seed=seed)) for seed in seeds]
        assigned = assign(tmp_path, [c for _, c in jobs], [w for w, _ in jobs], [None] * len(jobs))
        register_jobs(tmp_path, assigned)
        noted: dict[str, list[str]] = json.loads((tmp_path / "jobs.json").read_text())
        return noted

    note(0, 1)
    leave(tmp_path, "0", ["seed=0"], config(seed=0))
    # Job 1 never began, so its number is free for another.
    assert note(5, 0) == {"0": ["seed=0"], "1": ["seed=5"]}


def test_the_newest_sweep_with_these_overrides_is_found(tmp_path: Path) -> None:
    for name, words in (("a", ["seed=0,1", "task=x"]), ("b", ["task=x", "seed=0,1"]), ("c", [])):
        folder = tmp_path / name
        folder.mkdir()
        content = {"hydra": {"overrides": {"task": words}}}
        (folder / "multirun.yaml").write_text(yaml.safe_dump(content))
    asked = ["task=x", "resume=auto", "seed=0,1", "hydra/launcher=joblib"]
    assert newest_sweep(tmp_path, asked) == tmp_path / "b"
    with held(tmp_path / "b"):
        assert newest_sweep(tmp_path, asked) == tmp_path / "a"
    assert newest_sweep(tmp_path, ["task=x", "seed=0,2"]) is None


def test_a_sweep_folder_is_held_by_one(tmp_path: Path) -> None:
    with held(tmp_path / "sweep"):
        with (
            pytest.raises(UserError, match="another process is sweeping in"),
            held(tmp_path / "sweep"),
        ):
            pass
        assert is_held(tmp_path / "sweep")
    assert not is_held(tmp_path / "sweep")


def test_looking_whether_a_folder_is_held_keeps_nobody_out(tmp_path: Path) -> None:
    leave(tmp_path, "0", ["seed=0"], config())
    assert not is_held(tmp_path / "0")
    with locked(tmp_path / "0"):
        assert read_state(tmp_path / "0").status == RUNNING
    with locked(tmp_path / "0"):  # free again
        pass
