"""The comparison with a peer, on a folder of the same layout with functions of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import bench_peer
from benchmarks.bench_peer import compared, said

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
        assert self.memory.size() % (self.batch * self.steps) == 0
"""
ENVIRONMENT = """
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
"""


def write_peer(folder: Path) -> Path:
    """Write a checkout of the peer's layout."""
    files = {
        "Renderer/__init__.py": "",
        "Renderer/model.py": RENDERER,
        "Renderer/stroke_gen.py": DRAW,
        "DRL/ddpg.py": AGENT,
        "env.py": ENVIRONMENT,
    }
    for name, text in files.items():
        path = folder / "baseline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_repeats_are_interleaved_and_ratios_are_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    seconds = iter([9, 9, 1, 3, 2, 4, 1, 5])  # the first pair warms up

    def once(work: Callable[[], object]) -> float:
        work()
        return float(next(seconds))

    def timed(what: str, work: Callable[[], object], rounds: int, **more: object) -> None:
        for _ in range(3):
            work()

    monkeypatch.setattr(bench_peer, "once", once)
    ours, theirs = (lambda: order.append("ours"), 1), (lambda: order.append("theirs"), 1)
    pairs = compared(ours, theirs, timed, "strokes", "")  # type: ignore[arg-type]
    assert order == ["ours", "theirs"] * 4
    assert pairs == ((1, 3), (2, 4), (1, 5))
    assert said(pairs) == "1,000 ms to 4,000 ms: 3.00 × (2.00 … 5.00)"
