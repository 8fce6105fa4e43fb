"""A config is composed once and checked once on its way from the command line to the task."""

from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig

from impasto.launch.validation import validate
from tests.conftest import FakeTasks, RunMain


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was composed and checked, in order."""
    seen: list[str] = []
    load, check = ConfigLoaderImpl._load_configuration_impl, validate.check_refused

    def loads(self: ConfigLoaderImpl, *args: object, **options: object) -> DictConfig:
        seen.append("composed")
        return load(self, *args, **options)  # type: ignore[arg-type]

    def checks(cfg: DictConfig) -> None:
        seen.append("checked")
        check(cfg)

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", loads)
    monkeypatch.setattr(validate, "check_refused", checks)
    return seen


def test_a_run_is_composed_and_checked_once(
    passes: list[str], fake_tasks: FakeTasks, run_main: RunMain
) -> None:
    assert run_main(*fake_tasks.arguments, "hydra.run.dir=out").code == 0
    assert passes == ["composed", "checked"]


def test_a_refused_run_writes_nothing(
    passes: list[str], fake_tasks: FakeTasks, run_main: RunMain, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    assert run_main(*fake_tasks.arguments, "strokes=0", "hydra.run.dir=out").code == 2
    assert passes == ["composed", "checked"]
    assert sorted(tmp_path.iterdir()) == before


def test_the_jobs_of_a_sweep_are_checked_before_the_first(
    passes: list[str], fake_tasks: FakeTasks, run_main: RunMain, tmp_path: Path
) -> None:
    words = ("-m", *fake_tasks.arguments, "hydra.sweep.dir=sweep")
    assert run_main(*words, "seed=0,1", "strokes=4,0").code == 2
    assert not (tmp_path / "sweep").exists()
    passes.clear()
    assert run_main(*words, "seed=0,1").code == 0
    # The sweep itself; each of its jobs, before the first; and each again where it runs, by Hydra's
    # launcher, where whole floats become integers.
    assert passes == ["composed", *["composed", "checked"] * 4]
