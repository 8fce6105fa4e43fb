"""The peer's process, on a folder of the same layout with tiny functions of the test's own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.peer.learning_to_paint import PIECES
from benchmarks.peer.pair import Comparison, Peer, PeerFailed, compare
from benchmarks.peer.rows import compare_once
from impasto.errors import UserError

RENDERER = """
import torch
class FCN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
    def forward(self, x):
        return (self.scale * x.mean(1)).view(-1, 1, 1).expand(-1, 128, 128)
"""
DRAW = """
import numpy as np
print("this goes to nobody")
def draw(shape, width=128):
    return np.full((width, width), shape.mean())
"""
AGENT = """
import torch
from Renderer.model import FCN
Decoder = FCN()
Decoder.load_state_dict(torch.load("../renderer.pkl"))
coord = torch.zeros(1, 2, 128, 128)
def decode(action, canvas):
    assert action.shape[1:] == (65,)
    return canvas + Decoder(action[:, :10])[:, None]
class Memory(list):
    def size(self):
        return len(self)
class DDPG:
    def __init__(self, batch_size, env_batch, max_step, discount, writer):
        writer.add_scalar("a", 1, 1)
        self.batch, self.steps, self.memory, self.seen = batch_size, max_step, Memory(), 0
    def train(self): pass
    def eval(self): pass
    def actor(self, observation):
        assert observation.shape[1:] == (9, 128, 128)
        return torch.zeros(len(observation), 65)
    def reset(self, observation, factor): pass
    def select_action(self, observation, noise_factor):
        return torch.zeros(self.batch, 65).numpy()
    def observe(self, reward, observation, done, step):
        self.memory.extend([observation] * self.batch)
    def update_policy(self, rates):
        assert self.memory.size() == self.batch * self.steps
"""
ENVIRONMENT = """
import torch
import cv3
img_train, train_num = [], 0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    baseline = tmp_path / "peer" / "baseline"
    files = {
        "Renderer/__init__.py": "",
        "Renderer/model.py": RENDERER,
        "Renderer/stroke_gen.py": DRAW,
        "DRL/ddpg.py": AGENT,
        "env.py": ENVIRONMENT,
    }
    for name, text in files.items():
        (baseline / name).parent.mkdir(parents=True, exist_ok=True)
        (baseline / name).write_text(text)
    return tmp_path / "peer"


@pytest.fixture
def peer(folder: Path) -> Iterator[Peer]:
    with Peer(folder, batch=2, steps=3) as peer:
        yield peer


def give_it_an_environment(folder: Path) -> None:
    (folder / "baseline" / "env.py").write_text("""
import torch
img_train, train_num = [], 0
class Paint:
    def __init__(self, batch, steps):
        assert len(img_train) == train_num > 0
        self.batch = batch
    def reset(self):
        return torch.zeros(self.batch, 7, 128, 128)
    def step(self, action):
        assert action.shape == (self.batch, 65)
        return self.reset(), 0.0, False, None
""")


def test_every_piece_is_timed_by_its_process(folder: Path) -> None:
    give_it_an_environment(folder)
    with Peer(folder, batch=2, steps=3) as peer:
        for piece in PIECES:
            if piece != "rollout":  # after it there is more in the replay than this update expects
                assert 0 < peer.once(piece) < 60, piece
        assert 0 < peer.once("rollout") < 60
    before = sorted(path.name for path in folder.iterdir())
    assert before == ["baseline"]  # renderer.pkl went to a temporary folder


def test_what_cannot_be_imported_is_said_and_the_rest_goes_on(peer: Peer) -> None:
    with pytest.raises(PeerFailed, match="the peer needs cv3: pip install cv3"):
        peer.once("rollout")
    with pytest.raises(PeerFailed, match="KeyError: 'sculpture'"):
        peer.once("sculpture")
    assert peer.once("strokes") > 0


def test_repeats_are_interleaved(peer: Peer) -> None:
    order: list[str] = []
    measure = peer.once

    def once(piece: str) -> float:
        order.append("theirs")
        return measure(piece) and 3.0

    peer.once = once  # type: ignore[method-assign]
    found = compare(peer, "strokes", lambda: order.append("ours"), count=1, theirs=3, repeats=2)
    assert order == ["ours", "theirs"] * 3  # the first pair warms up
    assert found.theirs == (1.0, 1.0)
    assert len(found.ours) == 2


def test_ratios_are_of_pairs() -> None:
    found = Comparison(ours=[1.0, 2.0, 1.0], theirs=[3.0, 4.0, 5.0])
    assert found.ratios == [3.0, 2.0, 5.0]
    assert found.ratio == 3.0
    sums = found.plus(Comparison([10.0], [40.0]), share=0.1)
    assert sums.ratios == [7.0 / 2.0]


def test_a_comparison_is_made_once() -> None:
    made: list[int] = []

    def measure() -> Comparison:
        made.append(1)
        return Comparison([1.0], [2.0])

    kept = compare_once(measure)
    assert kept() is kept()
    assert len(made) == 1


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no baseline/DRL/ddpg\.py"):
        Peer(tmp_path, 2, 3)


def test_a_peer_that_dies_is_said(peer: Peer) -> None:
    peer._process.kill()
    peer._process.wait()
    with pytest.raises(PeerFailed, match="died"):
        peer.once("strokes")
    assert "DRL" not in sys.modules  # nothing of it is ever imported here
