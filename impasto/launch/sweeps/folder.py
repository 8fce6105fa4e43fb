"""A sweep's folder: which job has which folder in it, and what is left to do.

A job is known again by its config. What the command line varies among the jobs tells them apart,
also where it is something that two runs may otherwise differ in (`updates`, a trainer). A folder is
never given to a job of another config.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from impasto.errors import UserError
from impasto.launch.advice import in_keys
from impasto.launch.arguments import quote
from impasto.launch.outcome import JobFailed
from impasto.launch.resume import locked, run_folder
from impasto.persistence.atomic import atomic_replace
from impasto.tasks.runs.run_folder import (
    CONFIG,
    JOBS,
    WHEREABOUTS,
    command,
    identity,
    read_jobs,
    read_summary,
    read_yaml,
)
from impasto.tasks.runs.run_state import OVERRIDES, has_ended, is_held
from impasto.tasks.runs.search_report import BEST
from impasto.tasks.runs.written_files import SWEEP, begin_list, end_list

NUMBERED = "${hydra:job.num}"  # `hydra.sweep.subdir` of a sweep whose folders have numbers
MULTIRUN = "multirun.yaml"  # the sweep's own config, as Hydra's sweepers leave it
_NOT_OF_A_JOB = ("hydra.", "hydra/", "resume=")
_MAY_DIFFER = (*(key for key in WHEREABOUTS if key != "image"), "updates", "task.updates")


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        overrides: Of this job, in Hydra's notation.
        name: Its folder in the sweep's.
        folder: The same with the sweep's before it.
        updates: How many updates are asked for.
    """

    overrides: tuple[str, ...]
    name: str
    folder: Path
    updates: int | None

    @property
    def ended(self) -> bool:
        """Return True if nothing is left to do for the job."""
        return has_ended(self.folder, self.updates)

    @property
    def status(self) -> str:
        """Status in its summary; `killed` without one."""
        return str(read_summary(self.folder).get("status", "killed"))

    @property
    def succeeded(self) -> bool:
        """Return True if it ended, and did not diverge."""
        return self.ended and self.status != "diverged"

    def to_launch(self) -> list[str]:
        """The overrides with those that say the folder, wherever the job's process runs."""
        sweep = str(self.folder.absolute()).removesuffix(self.name).rstrip("/")
        where = (f"hydra.sweep.dir={quote(sweep)}", f"hydra.sweep.subdir={quote(self.name)}")
        return [*self.overrides, *where]


def find_sweep(cfg: DictConfig) -> None:
    """Find the sweep that `resume=auto` goes on with, and put its folder into the config.

    Args:
        cfg: The sweep's composed config, with its `hydra` section.
    """
    named = any(word.startswith("hydra.sweep.dir=") for word in cfg.hydra.overrides.hydra)
    if cfg.resume != "auto" or named:
        return
    sweep = newest_sweep(run_folder(cfg, "sweep").parent, cfg.hydra.overrides.task)
    if sweep is None:
        print("no sweep with these overrides to go on with: starting a new one")
        return
    print(f"going on with {sweep}")
    with read_write(cfg.hydra), open_dict(cfg.hydra):
        cfg.hydra.sweep.dir = str(sweep)


def newest_sweep(parent: Path, overrides: Sequence[str]) -> Path | None:
    """The newest sweep in a folder that was asked for by these overrides, whatever their order."""
    for path in sorted(parent.glob(f"*/{MULTIRUN}"), key=lambda path: -path.stat().st_mtime):
        given = read_yaml(path, {}).get("hydra", {}).get("overrides", {}).get("task", [])
        if _words(given) == _words(overrides) and not is_held(path.parent):
            return path.parent
    return None


@contextmanager
def held(sweep: Path) -> Iterator[None]:
    """Hold a sweep's folder while its jobs are launched; when they have ended, compare them.

    Raises:
        UserError: Another process does.
    """
    sweep.mkdir(parents=True, exist_ok=True)
    if is_held(sweep):
        todo = "wait for it, or choose another hydra.sweep.dir"
        raise UserError(f"another process is sweeping in {sweep}", todo)
    with locked(sweep):
        others = begin_list(sweep, SWEEP)
        interrupted = True
        try:
            yield
            interrupted = False
        except JobFailed:
            interrupted = False
            raise
        finally:
            if not interrupted:
                report_sweep(sweep)
            end_list(sweep, SWEEP, others)


def report_sweep(folder: Path) -> None:
    """Compare a sweep's runs, where there is something to compare.

    Whatever goes wrong is a line on standard error: the sweep itself is as good as it was.
    """
    if (folder / BEST).exists():  # a search goes by validation, and has said what it found
        return
    try:
        from impasto.tasks.runs.compare import (
            compare_sweep,
        )  # takes a second

        compare_sweep(folder)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        what = in_keys(error.what) if isinstance(error, UserError) else text
        again = command(["task=compare", f"runs={folder}"])
        print(
            f"warning: the sweep's report was not written: {' '.join(what.split())} — {again} "
            "writes it",
            file=sys.stderr,
        )


def assign(
    sweep: Path,
    configs: Sequence[DictConfig],
    overrides: Sequence[Sequence[str]],
    names: Sequence[str | None],
) -> list[Job]:
    """Give every job its folder: the one that it had, or a new one.

    Args:
        sweep: The sweep's folder.
        configs: The composed config of each job.
        overrides: The overrides of each job.
        names: The folder that each job must have; None where a number is to be found.

    Raises:
        UserError: The folder that a job must have holds a run of another config.
    """
    varied = _varied(overrides)
    may_differ = [key for key in _MAY_DIFFER if not any(_within(key, one) for one in varied)]
    identities = [identity(_plain(OmegaConf.to_yaml(_own(cfg))), may_differ) for cfg in configs]
    runs = dict(_runs(sweep, may_differ))
    given: dict[int, str] = {i: name for i, name in enumerate(names) if name is not None}
    for i, name in given.items():
        if name in runs and runs[name][0] != identities[i]:
            differing = ", ".join(_differences(runs[name][0], identities[i]))
            what = f"{sweep / name} holds a run with another config ({differing})"
            raise UserError(what, "choose another hydra.sweep.dir")
    for exactly in (True, False):
        for i, own in enumerate(identities):
            same = [
                name
                for name, (config, words) in runs.items()
                if name not in given.values()
                and config == own
                and (words == _words(overrides[i]) or not exactly)
            ]
            if i not in given and same:
                given[i] = str(i) if str(i) in same else same[0]
    for i in range(len(identities)):
        if i not in given:
            given[i] = _free(i, sweep, {*runs, *given.values()})
    return [
        Job(tuple(overrides[i]), given[i], sweep / given[i], cfg.updates)
        for i, cfg in enumerate(configs)
    ]


def register_jobs(sweep: Path, jobs: Sequence[Job]) -> None:
    """Write down which jobs were asked for, beside those of earlier starts."""
    noted = {name: words for name, words in read_jobs(sweep).items() if (sweep / name).is_dir()}
    noted |= {job.name: list(job.overrides) for job in jobs}
    with atomic_replace(sweep / JOBS) as temporary:
        temporary.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")


def describe(jobs: Sequence[Job]) -> list[str]:
    """A line for every job of an earlier start: what became of it, and whether it goes on."""
    lines = []
    for job in jobs:
        if is_held(job.folder):
            lines.append(f"{job.folder} is still running; it is left alone")
        elif job.ended:
            note = " (it would again)" if job.status == "diverged" else ""
            lines.append(f"{job.folder}: {job.status}{note}, nothing to do")
        elif (job.folder / CONFIG).is_file():
            lines.append(f"{job.folder}: {job.status}, goes on")
    return lines


def _varied(overrides: Sequence[Sequence[str]]) -> set[str]:
    """The keys whose values differ among the jobs."""
    words = [set(one) for one in overrides]
    common = set.intersection(*words) if words else set()
    return {word.partition("=")[0].lstrip("+~") for one in words for word in one - common}


def _within(key: str, other: str) -> bool:
    """Return True if one of two dotted keys lies within the other."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _runs(
    sweep: Path, left_out: Sequence[str]
) -> Iterator[tuple[str, tuple[dict[str, Any], set[str]]]]:
    """Read the identity and the overrides of every run of the sweep, by the run's name."""
    if sweep.is_dir():
        for path in sorted(sweep.glob(f"**/{CONFIG}")):
            folder = path.parent.parent
            config = identity(read_yaml(path, {}), left_out)
            name = str(folder.relative_to(sweep))
            yield name, (config, _words(read_yaml(folder / OVERRIDES, [])))


def _own(cfg: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])


def _plain(text: str) -> dict[str, Any]:
    container = yaml.safe_load(text)
    assert isinstance(container, dict)
    return container


def _words(overrides: Sequence[str]) -> set[str]:
    of_the_job = (word for word in overrides if not word.startswith(_NOT_OF_A_JOB))
    return {word.replace("'", "") for word in of_the_job}  # which quotes are there says nothing


def _free(i: int, sweep: Path, taken: set[str]) -> str:
    """Return the job's own number if that is free, else the first after all others."""
    if str(i) not in taken and not (sweep / str(i) / CONFIG).exists():
        return str(i)
    return str(max([i, *(int(name) for name in taken if name.isdecimal())]) + 1)


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], most: int = 3) -> list[str]:
    """The first keys in which two configs differ, with both values."""
    lines: list[str] = []

    def walk(one: Any, other: Any, key: str) -> None:
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            for name in sorted({*one, *other}, key=str):
                walk(one.get(name), other.get(name), f"{key}.{name}".lstrip("."))
        elif one != other:
            lines.append(f"{key} {one} there, {other} here")

    walk(there, here, "")
    return [*lines[:most], *(["…"] if len(lines) > most else [])]
