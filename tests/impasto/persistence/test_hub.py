"""Exported folders go to the hub and come back, with their card, and nothing else does."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants

from impasto.agents import load_agent
from impasto.errors import UserError
from impasto.persistence import hub
from impasto.persistence.model_zoo import FOLDER, find_weights
from tests.impasto.persistence.fake_hub import FakeHub, fake_hub

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with fake_hub() as server:
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_an_agent_is_pushed_and_pulled_and_paints_the_same(server: FakeHub) -> None:
    agent = load_agent("digits")
    assert repr(agent) == "<Agent digits: 5 bezier strokes on 32 x 32 px>"
    url = agent.push("me/five-strokes", token="hf_mine")
    assert url.startswith(f"{server.url}/me/five-strokes/commit/")
    assert server.tokens - {""} == {"hf_mine"}  # a look whether it answers has none
    files = server.repos["me/five-strokes"]
    for name in ("config.yaml", "weights.safetensors"):
        assert files[name] == (FOLDER / "digits" / name).read_bytes()
    card = files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: impasto\n")
    assert (FOLDER / "digits" / "README.md").read_text() in card
    assert "hf://me/five-strokes" in card
    pulled = load_agent("hf://me/five-strokes")
    assert pulled.folder != agent.folder
    one, other = (each.paint(PICTURE, refine=0) for each in (agent, pulled))
    assert len(one.record.strokes) == 5
    assert torch.equal(one.record.strokes, other.record.strokes)
    pulled.push("me/five-strokes", token="hf_mine")
    assert server.repos["me/five-strokes"]["README.md"].decode() == card


def test_a_new_push_replaces_shards(server: FakeHub) -> None:
    hub.push(FOLDER / "digits", "me/it", token="t")
    server.repos["me/it"]["weights-00001-of-00002.safetensors"] = b"of before"
    hub.push(FOLDER / "photos", "me/it", token="t")
    names = {"README.md", "SHA256SUMS", "config.yaml", "weights.safetensors"}
    assert server.repos["me/it"].keys() == names
    found = find_weights("hf://me/it", "agent")
    assert (found / "config.yaml").read_text() == (FOLDER / "photos" / "config.yaml").read_text()


def test_only_what_an_exported_folder_has_is_downloaded(server: FakeHub) -> None:
    hub.push(FOLDER / "digits", "me/it", token="t")
    server.repos["me/it"] |= {"pytorch_model.bin": b"\x80\x04.", "setup.py": b"raise SystemExit"}
    folder = hub.pull("hf://me/it@main")
    names = {"README.md", "SHA256SUMS", "config.yaml", "weights.safetensors"}
    assert {one.name for one in folder.iterdir()} == names


def test_what_was_changed_on_the_hub_is_found_out(server: FakeHub) -> None:
    hub.push(FOLDER / "digits", "me/it", token="t")
    files = server.repos["me/it"]
    files["weights.safetensors"] = files["weights.safetensors"][:-4] + b"\0\0\0\1"
    with pytest.raises(UserError, match="SHA256SUMS"):
        load_agent("hf://me/it")


def test_a_run_of_no_card_gets_one_that_says_what_it_is(server: FakeHub, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    for name in ("config.yaml", "weights.safetensors"):
        (folder / name).write_bytes((FOLDER / "digits" / name).read_bytes())
    hub.push(folder, "me/plain", token="t")
    files = server.repos["me/plain"]
    assert "strokes: 5" in files["README.md"].decode()
    summed = hashlib.sha256(files["weights.safetensors"]).hexdigest()
    assert f"{summed}  weights.safetensors" in files["SHA256SUMS"].decode()
    assert sorted(one.name for one in folder.iterdir()) == ["config.yaml", "weights.safetensors"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://me", "give hf://owner/name"),
        ("hf://me/it/else", "give hf://owner/name"),
        ("hf://me/../it", "give hf://owner/name"),
        ("hf://me/nothing", "hf auth login"),
        ("hf://me/data", "holds no config.yaml"),
    ],
)
def test_a_wrong_address_is_refused_in_a_line(server: FakeHub, address: str, said: str) -> None:
    server.repos["me/data"] = {"README.md": b"# data"}
    with pytest.raises(UserError, match=said) as error:
        load_agent(address)
    assert "\n" not in str(error.value)


def test_what_is_too_large_is_not_downloaded(
    server: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.push(FOLDER / "digits", "me/it", token="t")
    monkeypatch.setattr(hub, "WEIGHTS", 1_000_000)
    with pytest.raises(UserError, match="larger than"):
        hub.pull("hf://me/it")
    assert not any("resolve" in one for one in server.asked if one.startswith("GET"))


@pytest.mark.parametrize(("folder", "repo"), [("", "me/it"), ("digits", "it"), ("digits", "a b/c")])
def test_only_an_exported_folder_goes_to_a_repository(
    server: FakeHub, folder: str, repo: str
) -> None:
    with pytest.raises(UserError):
        hub.push(FOLDER / folder, repo, token="t")
    assert server.asked == []
