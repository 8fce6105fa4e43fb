"""What is taken away of the recipes: agents with their cards, and figures, in small files."""

import tarfile
from pathlib import Path

import pytest

from impasto.errors import UserError
from impasto.rl.policy import PaintingPolicy
from scripts.recipes import exports
from scripts.recipes.exports import VOLUME, export_agent, pack, pack_results
from tests.impasto.tasks.publish.test_publish import make_run


def test_volumes_hold_every_byte_once_and_none_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "VOLUME", 60_000)
    folder = tmp_path / "agent"
    folder.mkdir()
    contents = {f"shard-{n}": bytes([n]) * 40_000 for n in range(3)} | {"README.md": b"card"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (tmp_path / "celeba.9.tar").touch()  # of an earlier export that was larger
    packed = pack(tmp_path, "celeba", folder)
    assert [path.name for path in packed] == ["celeba.1.tar", "celeba.2.tar", "celeba.3.tar"]
    assert sorted(tmp_path.glob("*.tar")) == packed
    found = {}
    for path in packed:
        assert path.stat().st_size <= 60_000
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member)
                assert file is not None
                assert member.name not in found
                found[member.name] = file.read()
    assert found == {f"celeba/{name}": content for name, content in contents.items()}
    (folder / "huge").write_bytes(bytes(70_000))
    with pytest.raises(UserError, match="huge is larger than 60,000 bytes"):
        pack(tmp_path, "celeba", folder)
    assert VOLUME == 16 * 2**20
    (folder / "huge").unlink()
    (folder / "shard-3").write_bytes(bytes(40_000))
    with pytest.raises(UserError, match="takes 4 files of 60,000 bytes, above 3"):
        pack(tmp_path, "celeba", folder)


def test_results_are_those_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "celeba").mkdir()
    (tmp_path / "celeba" / "metrics.csv").write_text("update,seconds\n1,2\n")
    (tmp_path / "celeba" / "run.log").touch()
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "summary.json").write_text("{}")
    pairs = [("celeba", tmp_path / "celeba"), ("closed/celeba", tmp_path / "closed")]
    with tarfile.open(pack_results(tmp_path, pairs)) as tar:
        assert tar.getnames() == ["celeba/metrics.csv", "closed/celeba/summary.json"]
    (tmp_path / "closed" / "paintings.png").write_bytes(bytes(30_000))
    monkeypatch.setattr(exports, "VOLUME", 30_000)
    with tarfile.open(pack_results(tmp_path, pairs)) as tar:
        assert tar.getnames() == ["celeba/metrics.csv", "closed/celeba/summary.json"]


@pytest.mark.parametrize(("updates", "whole"), [(1234, 2000), (1234, 1234)])
def test_a_card_says_how_far_it_came_and_whose_the_pictures_are(
    tmp_path: Path, updates: int, whole: int
) -> None:
    run, _ = make_run(tmp_path / "run", choices={"data": "celeba"})
    folder = export_agent("celeba", Path(run), tmp_path / "shelf", updates, whole)
    assert folder == tmp_path / "shelf" / "celeba"
    PaintingPolicy.load(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "make gpu-recipes DATA=FOLDER STAGES='renderer celeba'" in card
    stopped = "stopped after 1,234 of the recipe's 2,000 updates"
    assert (stopped in card) == ("stopped after" in card) == (updates < whole)
    assert "forbids to publish or distribute the images" in card
    assert str(tmp_path) not in card
