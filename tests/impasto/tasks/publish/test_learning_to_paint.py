"""Weights of LearningToPaint, on synthetic files of their layout."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.renderers import judge, load_renderer
from impasto.rl.policy import PaintingPolicy
from impasto.tasks.publish.import_weights import import_weights
from impasto.tasks.publish.learning_to_paint import import_policy, import_renderer
from tests.impasto.tasks.publish.their_networks import (
    BGR,
    SIZE,
    State,
    actor_state,
    renderer_state,
    their_painting,
    their_renderer,
)


@pytest.fixture(scope="module")
def states() -> tuple[State, State]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return renderer_state(), actor_state()


@pytest.fixture(scope="module")
def files(states: tuple[State, State], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both files; the actor's as old versions of torch wrote them."""
    folder = tmp_path_factory.mktemp("published")
    torch.save(states[0], folder / "renderer.pkl")
    torch.save(states[1], folder / "actor.pkl", _use_new_zipfile_serialization=False)
    return [folder / "renderer.pkl", folder / "actor.pkl"]


@torch.no_grad()
def test_the_renderer_draws_the_same(states: tuple[State, State], files: list[Path]) -> None:
    renderer = import_renderer(files[0])
    ours = torch.rand(5, 10, generator=torch.Generator().manual_seed(1))
    x0, y0, x1, y1, x2, y2, radius0, opacity0, radius1, opacity1 = ours.unbind(1)
    theirs = torch.stack([y0, x0, y1, x1, y2, x2, radius0, radius1, opacity0, opacity1], dim=1)
    expected = 1 - their_renderer(states[0], theirs)
    assert expected.std() > 0.05
    assert (expected[0] - expected[1]).abs().max() > 0.05  # it depends on the stroke
    torch.testing.assert_close(renderer(ours)[:, 0], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_agent_paints_the_same(states: tuple[State, State], files: list[Path]) -> None:
    policy = import_policy(files[1], import_renderer(files[0]), strokes=15)
    target = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    strokes, canvas = policy.paint(target)
    assert strokes.shape == (2, 15, 13)
    theirs = their_painting(*states, target[:, BGR], steps=3)
    torch.testing.assert_close(canvas, theirs[:, BGR], atol=1e-5, rtol=0)
    assert (canvas[:, 0] - canvas[:, 2]).abs().mean() > 0.01  # the order of colours shows


def test_the_task_exports_what_can_be_loaded(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "impasto.tasks.publish.import_weights.judge", lambda renderer: judge(renderer, count=64)
    )
    result = import_weights(*files, strokes=200, folder=tmp_path / "run")
    assert result["status"] == "untrained"  # of random numbers it draws no strokes
    renderer = load_renderer(tmp_path / "run", allow_untrained=True)
    shape = torch.rand(2, 10)
    assert torch.equal(renderer(shape), import_renderer(files[0])(shape))
    policy = PaintingPolicy.load(tmp_path / "run")
    assert (policy.environment.strokes, policy.environment.bundle) == (200, 5)
    assert policy.environment.background == (0, 0, 0)
    again = import_policy(files[1], import_renderer(files[0])).actor.state_dict()
    loaded = policy.actor.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in loaded.items())


def test_a_file_of_before_torch_counted_batches(
    states: tuple[State, State], files: list[Path], tmp_path: Path
) -> None:
    old = {key: value for key, value in states[1].items() if "num_batches" not in key}
    torch.save(old, tmp_path / "actor.pkl")
    import_policy(tmp_path / "actor.pkl", import_renderer(files[0]))


def drop(state: State) -> None:
    del state["conv3.bias"]


def add(state: State) -> None:
    state["fc5.weight"] = torch.zeros(3)


def transpose(state: State) -> None:
    state["fc2.weight"] = state["fc2.weight"].T.contiguous()


def spoil(state: State) -> None:
    state["fc2.weight"] = state["fc2.weight"] * float("nan")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop, r"lacks conv3\.bias"),
        (add, r"holds, beside what is known, fc5\.weight"),
        (transpose, r"fc2\.weight has the shape \(512, 1024\), not \(1024, 512\)"),
        (spoil, r"fc2\.weight holds numbers that are not finite"),
    ],
)
def test_another_layout_is_named_key_by_key(
    states: tuple[State, State], tmp_path: Path, change: Callable[[State], None], said: str
) -> None:
    state = dict(states[0])
    change(state)
    torch.save(state, tmp_path / "renderer.pkl")
    with pytest.raises(UserError, match=rf"renderer\.pkl:? {said}"):
        import_renderer(tmp_path / "renderer.pkl")


def test_files_of_another_kind(
    states: tuple[State, State], files: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"actor\.pkl lacks fc1\.weight and 18 more"):
        import_renderer(files[1])
    renderer = import_renderer(files[0])
    with pytest.raises(UserError, match=r"renderer\.pkl lacks conv1|lacks bn1"):
        import_policy(files[0], renderer)
    torch.save(states[1] | {"fc.bias": torch.zeros(64)}, tmp_path / "odd.pkl")
    with pytest.raises(UserError, match=r"fc\.bias has 64 numbers"):
        import_policy(tmp_path / "odd.pkl", renderer)


class Trap:
    """Runs code when it is unpickled in the usual way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_no_code_is_run_from_a_file(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    torch.save({"fc1.weight": Trap(trap)}, tmp_path / "trap.pkl")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Trap(trap)))
    torch.save([torch.zeros(2)], tmp_path / "list.pkl")
    (tmp_path / "text.pkl").write_text("no weights")
    (tmp_path / "empty.pkl").touch()
    for name in ("trap.pkl", "plain.pkl", "list.pkl", "text.pkl", "empty.pkl", "none.pkl"):
        with pytest.raises(UserError, match=name):
            import_renderer(tmp_path / name)
    assert not trap.exists()
