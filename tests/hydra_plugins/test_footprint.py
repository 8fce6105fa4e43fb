"""What a run that never began leaves."""

from pathlib import Path

import pytest
from hydra.conf import HydraConf, RunDir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from hydra_plugins.impasto._footprint import Footprint, erase
from hydra_plugins.impasto.resuming import locked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder that was made after it had been looked at."""
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    folder = tmp_path / "run"
    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf(run=RunDir(str(folder))))})
    Footprint().on_run_start(config)
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").touch()
    (folder / "run.log").touch()
    return folder


def test_a_new_folder_is_gone(folder: Path) -> None:
    with locked(folder):
        pass
    assert erase(folder)
    assert not folder.exists()


def test_nothing_of_a_run_that_began_there_at_the_same_moment_is_erased(folder: Path) -> None:
    with locked(folder):
        assert not erase(folder)
    assert (folder / ".hydra" / "config.yaml").exists()
