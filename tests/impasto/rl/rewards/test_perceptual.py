"""The perceptual reward, on a small classifier with random weights."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate
from torchvision.models import get_model

from impasto.errors import UserError
from impasto.rl.rewards import PerceptualReward
from tests.impasto.rl.rewards.stubs import B, pictures

# A convolution (64 maps, stride 2) with ReLU; a Fire module behind pooling.
MODEL, LAYERS = "squeezenet1_1", ["features.1", "features.3.cat"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only what those layers need; a whole classifier's is the same and more."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = get_model(MODEL, weights=None).state_dict()
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    first = ("features.0.", "features.3.")
    torch.save({name: value for name, value in state.items() if name.startswith(first)}, path)
    return path


def make(weights: Path | str, **changed: Any) -> PerceptualReward:
    given = {"model": MODEL, "layers": LAYERS, "min_size": 16, "weights": str(weights)}
    return PerceptualReward(**{**given, **changed})


# ---- what it measures


def expected_distance(weights: Path, x: Tensor, y: Tensor) -> Tensor:
    """Eq. 1 for the first layer, written out."""
    state = torch.load(weights, weights_only=True)
    described = []
    for picture in (x, y):
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        channels = [(picture[:, c] - mean[c]) / std[c] for c in range(3)]
        seen = torch.stack(channels, dim=1)
        seen = conv2d(seen, state["features.0.weight"], state["features.0.bias"], 2).relu()
        described.append(seen / (seen.square().sum(1, keepdim=True) + 1e-6).sqrt())
    return (described[0] - described[1]).square().sum(1).mean((1, 2))


def test_the_distance_is_its_equation(weights: Path) -> None:
    reward = make(weights, layers=LAYERS[:1], scale=3.0)
    canvas, following, target = (pictures(seed) for seed in range(3))
    before, after = (expected_distance(weights, x, target) for x in (canvas, following))
    assert before.min() > 0.01
    torch.testing.assert_close(reward.score(canvas, target), -3 * before)
    torch.testing.assert_close(reward(canvas, following, target), 3 * (before - after))


def test_layers_count_alike_and_nothing_is_written_over(weights: Path) -> None:
    """Also where the layer before an in-place ReLU is asked for."""
    canvas, target = pictures(0), pictures(1)
    layers = ["features.0", *LAYERS]
    alone = [make(weights, layers=[layer]).score(canvas, target) for layer in layers]
    together = make(weights, layers=layers).score(canvas, target)
    torch.testing.assert_close(together, torch.stack(alone).mean(0))
    assert (alone[0] - alone[1]).abs().min() > 1e-4


def test_its_range(weights: Path) -> None:
    reward = make(weights)
    canvas, target = pictures(0), pictures(1)
    assert reward.score(target, target).tolist() == [0] * B
    assert ((reward.score(canvas, target) < 0) & (reward.score(canvas, target) >= -2)).all()
    alone = torch.cat([reward.score(canvas[n : n + 1], target[n : n + 1]) for n in range(B)])
    torch.testing.assert_close(reward.score(canvas, target), alone)
    assert reward(canvas, target, target).shape == (B,)


def test_a_small_canvas_is_enlarged(weights: Path) -> None:
    reward = make(weights, min_size=32)
    canvas, target = torch.rand(2, B, 3, 16, 24)
    larger = [interpolate(x, (32, 48), mode="bilinear") for x in (canvas, target)]
    torch.testing.assert_close(reward.score(canvas, target), reward.score(*larger))
    large = torch.rand(2, B, 3, 40, 32)  # not made smaller
    torch.testing.assert_close(reward.score(*large), make(weights).score(*large))


def test_the_gradient_reaches_the_canvas_alone(weights: Path) -> None:
    reward = make(weights)
    following, target = pictures(0).requires_grad_(), pictures(1).requires_grad_()
    reward(torch.zeros_like(target), following, target).sum().backward()
    assert (following.grad.flatten(1).norm(dim=1) > 0).all()
    assert target.grad is None
    flat = torch.zeros(1, 3, 16, 16, requires_grad=True)
    reward.score(flat, target[:1].detach()).sum().backward()
    assert flat.grad.isfinite().all()


# ---- frozen, and not in checkpoints


def test_it_learns_nothing_and_stays_as_it_is(weights: Path) -> None:
    state = torch.get_rng_state()
    reward = make(weights)
    assert torch.equal(torch.get_rng_state(), state)
    assert not list(reward.parameters())
    reward.train()
    assert not reward.features.network.training


def test_a_checkpoint_holds_a_fingerprint_only(weights: Path, tmp_path: Path) -> None:
    reward = make(weights)
    state = reward.state_dict()
    assert sum(value.numel() for value in state.values()) == 32
    make(weights).load_state_dict(state)
    other = tmp_path / "other.pth"
    changed = torch.load(weights, weights_only=True)
    changed["features.0.bias"][0] += 1e-6
    torch.save(changed, other)
    with pytest.raises(UserError, match="other weights in its perceptual reward"):
        make(other).load_state_dict(state)


def test_it_moves_as_a_module(weights: Path) -> None:
    reward = make(weights).double()
    canvas, target = pictures(0), pictures(1)
    found = reward.score(canvas.double(), target.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), make(weights).score(canvas, target))


# ---- what a user can get wrong


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "vgg99"}, "no classifier 'vgg99' — .* such as `PerceptualReward.model=vgg16"),
        ({"layers": []}, r"`PerceptualReward\.layers` is \[\]"),
        ({"layers": ["features.99"]}, "squeezenet1_1 has no such layer .*features.99"),
        ({"layers": ["features.4"]}, r"lacks features\.4\.squeeze\.weight of squeezenet1_1"),
        ({"weights": "nowhere.pth"}, r"nowhere\.pth does not exist — correct `Perc.*\.weights`"),
        ({"min_size": 0}, "`min_size` is 0"),
        ({"min_size": 2}, "can't look at pictures of 2 px"),
        ({"scale": 2.0}, None),
    ],
)
def test_wrong_arguments(weights: Path, changed: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert make(weights, **changed).scale == 2
        return
    with pytest.raises(UserError, match=said):
        make(**{"weights": weights, **changed})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no weights at all", "can't be read as weights"),
        ([1, 2], "something else than tensors by name"),
        ({"state_dict": {}}, "something else than tensors by name"),
        (nn.Linear(1, 1), "can't be read as weights"),  # only by running code from the file
        ({"features.0.weight": torch.zeros(1), "features.0.bias": torch.zeros(64)}, "does not fit"),
    ],
)
def test_wrong_files(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "file.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=said):
        make(path, layers=LAYERS[:1])


def test_without_a_network_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: False)
    start = time.monotonic()
    said = r"weights of squeezenet1_1 cannot be downloaded: .*https:.* give `Perc.*weights=FILE`"
    with pytest.raises(UserError, match=said):
        make(Path("default"))
    assert time.monotonic() - start < 30
    assert not list(tmp_path.iterdir())


def test_a_download_is_kept_and_found_again(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(url: str, to: str, digest: str, progress: bool) -> None:
        asked.append(f"{url} {digest}")
        Path(to).write_bytes(weights.read_bytes())

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: True)
    scores = [make(path).score(pictures(0), pictures(1)) for path in (Path("default"),) * 2]
    assert len(asked) == 1
    assert asked[0].endswith("squeezenet1_1-b8a52dc0.pth b8a52dc0")
    assert torch.equal(scores[0], scores[1])
