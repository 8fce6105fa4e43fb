"""The exact and the learned renderer, the verdict, and the exported folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.renderers import (
    AnalyticRenderer,
    FieldRenderer,
    GanRenderer,
    NeuralRenderer,
    Renderer,
    VaeRenderer,
    Verdict,
    judge,
    load_renderer,
    save_renderer,
)
from impasto.strokes import Bezier, Circle, Line, MyPaint, Pixel, Stroke
from tests.impasto.strokes.kinds import KINDS

GOOD = Verdict(mse=0.001, mean_image=0.05, ssim=0.9, spectral=0.25)
BAD = Verdict(mse=0.03, mean_image=0.05)


def small(stroke: Stroke | None = None, size: int = 16) -> NeuralRenderer:
    torch.manual_seed(0)
    return NeuralRenderer(stroke or Circle(), size, hidden=[16, 24], channels=16)


def shapes(stroke: Stroke, count: int = 6) -> Tensor:
    return stroke.sample(count, torch.Generator().manual_seed(0))


# ---- both kinds


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_analytic_renderer_is_the_rasterizer(stroke: Stroke) -> None:
    renderer = AnalyticRenderer(stroke, 24)
    shape = shapes(stroke).requires_grad_()
    assert torch.equal(renderer(shape), stroke.rasterize(shape, 24, 24))
    assert not list(renderer.parameters())
    gradients = [
        torch.autograd.grad(alpha.square().sum(), shape)[0]
        for alpha in (renderer(shape), stroke.rasterize(shape, 24, 24))
    ]
    assert torch.equal(*gradients)


def test_neural_renderer_of_the_papers() -> None:
    network = NeuralRenderer(Bezier(), 128)
    widths = [
        (m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)
    ]
    assert widths == [(10, 512), (512, 1024), (1024, 2048), (2048, 4096)]
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(11.0e6, rel=0.005)
    assert network(shapes(Bezier(), 1)).shape == (1, 1, 128, 128)


@pytest.mark.parametrize("size", [16, 32, 48])
@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
def test_any_kind_and_size(stroke: Stroke, size: int) -> None:
    shape = shapes(stroke).requires_grad_()
    alpha = small(stroke, size)(shape)
    assert alpha.shape == (6, 1, size, size)
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert alpha.mean() < 0.1  # starts next to blank
    alpha.sum().backward()
    assert shape.grad.abs().max() > 0


@pytest.mark.parametrize("learned", [NeuralRenderer, FieldRenderer, GanRenderer, VaeRenderer])
@pytest.mark.parametrize("size", [0, -16, 8, 40, 127])
def test_a_size_that_is_no_multiple_of_16_is_refused(
    size: int, learned: Callable[..., Renderer]
) -> None:
    with pytest.raises(ValueError, match=f"canvas_size` is {size} — .*, a multiple of 16"):
        learned(Circle(), size)


@pytest.mark.parametrize("learned", [GanRenderer, VaeRenderer])
@pytest.mark.parametrize("hidden", [[], [6, 5]])
def test_a_painter_of_any_depth_draws_and_has_a_gradient(
    learned: Callable[..., Renderer], hidden: list[int]
) -> None:
    renderer = learned(Circle(), 32, hidden=hidden, channels=8)
    shape = shapes(Circle()).requires_grad_()
    alpha = renderer(shape)
    assert alpha.shape == (len(shape), 1, 32, 32)
    assert 0 < alpha.min() < alpha.max() < 1
    alpha.sum().backward()
    assert shape.grad is not None
    assert (shape.grad != 0).any(0).all()


def test_channels_that_cannot_be_shuffled_are_refused() -> None:
    with pytest.raises(ValueError, match=r"channels. is 6 — .*, a multiple of 4"):
        NeuralRenderer(Circle(), 16, channels=6)


# ---- the verdict


class MeanImage(Renderer):
    """Draws the same for every shape."""

    def __init__(self, stroke: Stroke, canvas_size: int, image: Tensor) -> None:
        super().__init__(stroke, canvas_size)
        self.image = nn.Parameter(image)

    def forward(self, shape: Tensor) -> Tensor:
        return self.image.expand(len(shape), -1, -1, -1)


@pytest.mark.parametrize("count", [100, 300])  # in one piece and in two
def test_mean_image_level_is_that_of_brute_force(count: int) -> None:
    line = Line()
    exact = line.rasterize(line.sample(count, torch.Generator().manual_seed(7)), 16, 16)
    mean = exact.mean(0, keepdim=True)
    verdict = judge(MeanImage(line, 16, mean), count, seed=7)
    level = (exact - mean).square().mean().item()
    assert verdict.mean_image == pytest.approx(level, rel=1e-4)
    assert verdict.mse == pytest.approx(level, rel=1e-4)
    assert verdict.ratio == pytest.approx(1, rel=1e-4)
    assert not verdict.trained
    blank = judge(MeanImage(line, 16, 0 * mean), count, seed=7)
    assert blank.mse == pytest.approx(exact.square().mean().item(), rel=1e-4)
    assert blank.mean_image == verdict.mean_image


def test_a_verdict() -> None:
    exact = judge(AnalyticRenderer(Circle(), 16), 64)
    assert exact.mse == 0
    assert exact.trained
    assert not judge(small(), 64).trained
    assert judge(small(), 64).ratio == pytest.approx(1.2, abs=0.4)
    assert Verdict(0.005, 0.05).trained  # a tenth is the limit
    assert not Verdict(0.0051, 0.05).trained


def test_judging_changes_nothing() -> None:
    renderer = small().train()
    state = torch.get_rng_state()
    first = judge(renderer, 64, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert renderer.training
    assert judge(renderer, 64, seed=1) == first
    assert judge(renderer, 64, seed=2) != first


# ---- export and load


def test_a_loaded_renderer_draws_the_same(tmp_path: Path) -> None:
    renderer = small(Bezier(), 32)
    save_renderer(tmp_path / "renderer", renderer, GOOD)
    shape = shapes(Bezier())
    for where in (tmp_path / "renderer", tmp_path, str(tmp_path)):  # itself, or a run folder
        loaded = load_renderer(where, Bezier(), 32)
        assert torch.equal(loaded(shape), renderer(shape))
        assert not any(p.requires_grad for p in loaded.parameters())
        assert not loaded.training
    assert load_renderer(tmp_path).stroke.name == "bezier"
    config = yaml.safe_load((tmp_path / "renderer" / "config.yaml").read_text())
    assert config["verdict"] == {
        "mse": 0.001,
        "mean_image": 0.05,
        "noise": 0.0,
        "ssim": 0.9,
        "spectral": 0.25,
        "trained": True,
    }


def test_an_untrained_renderer_is_refused_unless_allowed(tmp_path: Path) -> None:
    save_renderer(tmp_path / "renderer", small(), BAD)
    with pytest.raises(
        UserError, match=r"never trained: its error is 0\.60 .*allow_untrained=true"
    ):
        load_renderer(tmp_path)
    shape = shapes(Circle())
    assert load_renderer(tmp_path, allow_untrained=True)(shape).shape == (6, 1, 16, 16)


def test_another_stroke_or_size_is_refused_and_named(tmp_path: Path) -> None:
    save_renderer(tmp_path / "renderer", small(Circle(), 16), GOOD)
    with pytest.raises(UserError, match="draws circle strokes, not line"):
        load_renderer(tmp_path, Line())
    with pytest.raises(UserError, match="draws at 16 px, not 32"):
        load_renderer(tmp_path, Circle(), 32)


def test_a_renderer_serves_the_strokes_that_it_has_learned(tmp_path: Path) -> None:
    save_renderer(tmp_path / "renderer", small(Circle(max_width=0.2)), GOOD)
    narrower = Circle(max_width=0.1, opaque=True, palette=[[0.0, 0.0, 0.0]])
    loaded = load_renderer(tmp_path, narrower)
    assert loaded.stroke is narrower  # the agent paints within these limits
    assert load_renderer(tmp_path).stroke.limits() == {"max_width": 0.2}
    for wider in (Circle(), Circle(max_width=0.3)):
        with pytest.raises(UserError, match=r"has learned `max_width=0\.2` only"):
            load_renderer(tmp_path, wider)
    save_renderer(tmp_path / "renderer", small(Pixel(grid=8)), GOOD)
    with pytest.raises(UserError, match=r"has learned `grid=8` only, not 16"):
        load_renderer(tmp_path, Pixel(grid=16))


def test_a_brush_is_told_from_another_one_of_its_name(tmp_path: Path) -> None:
    def brush(name: str, opaque: float) -> MyPaint:
        return MyPaint(name, {"opaque": {"base_value": opaque, "inputs": {}}})

    save_renderer(tmp_path / "renderer", small(brush("a.myb", 1.0)), GOOD)
    assert load_renderer(tmp_path, brush("a.myb", 1.0)).stroke.name == "mypaint"
    with pytest.raises(UserError, match=r"has learned `brush=a\.myb` only, not b") as caught:
        load_renderer(tmp_path, brush("b.myb", 1.0))
    assert caught.value.todo == "set `brush=a.myb`, or pretrain one with `brush=b.myb`"
    with pytest.raises(UserError, match=r"has learned the settings of stroke\.brush=") as caught:
        load_renderer(tmp_path, brush("a.myb", 0.5))
    assert caught.value.todo == "give the file that it has learned, or pretrain one with this"


def test_what_is_no_renderer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_renderer(tmp_path)
    save_renderer(tmp_path / "renderer", small(), GOOD)
    config_file = tmp_path / "renderer" / "config.yaml"
    config = yaml.safe_load(config_file.read_text())
    for change, message in [
        ({"kind": "agent"}, "holds an agent, not a renderer"),
        ({"renderer": {**config["renderer"], "hidden": [16, 25]}}, "do not fit"),
        ({"renderer": {**config["renderer"], "_target_": "os.system"}}, "'os.system'"),
        ({"renderer": {**config["renderer"], "canvas_size": 17}}, "a multiple of 16"),
    ]:
        config_file.write_text(yaml.safe_dump(config | change))
        with pytest.raises(UserError, match=message):
            load_renderer(tmp_path)


@pytest.mark.parametrize("lost", ["verdict", "renderer"])
def test_a_config_that_was_cut_off_is_refused(tmp_path: Path, lost: str) -> None:
    save_renderer(tmp_path / "renderer", small(), GOOD)
    config_file = tmp_path / "renderer" / "config.yaml"
    config = yaml.safe_load(config_file.read_text())
    config_file.write_text(yaml.safe_dump({k: v for k, v in config.items() if k != lost}))
    with pytest.raises(UserError, match=lost):
        load_renderer(tmp_path)


def test_maps_of_many_strokes_are_drawn_again_for_the_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    renderer = NeuralRenderer(Bezier(), 16, [8], 4)
    shape = torch.rand(5, 10)
    drawn: list[int] = []
    renderer.draw.register_forward_pre_hook(lambda *said: drawn.append(len(said[1][0])))
    gradients = []
    for pixels, times in ((2**22, 1), (4 * 16**2, 2)):
        monkeypatch.setattr("impasto.renderers.neural._KEPT_PIXELS", pixels)
        leaf = shape.clone().requires_grad_()
        drawn.clear()
        renderer(leaf).square().sum().backward()
        assert drawn == [5] * times
        gradients.append(leaf.grad)
        with torch.no_grad():
            renderer(shape)
    assert torch.equal(*gradients)


def test_more_convolutions_and_other_activations() -> None:
    """The papers' network is the default; Kumar et al., section 3.1.1, change both."""
    torch.manual_seed(0)
    stroke = Circle()
    plain = NeuralRenderer(stroke, 16, [8], 4)
    deep = NeuralRenderer(stroke, 16, [8], 4, activation="gelu", convolutions=4)
    counts = [sum(isinstance(m, nn.Conv2d) for m in one.modules()) for one in (plain, deep)]
    assert counts == [6, 12]
    assert not any(isinstance(module, nn.ReLU) for module in deep.modules())
    assert not any(isinstance(module, nn.GELU) for module in plain.modules())
    shape = Circle().sample(3)
    assert deep(shape).shape == (3, 1, 16, 16)
    assert deep.config() == {**plain.config(), "activation": "gelu", "convolutions": 4}
    with pytest.raises(UserError, match="silu"):
        NeuralRenderer(Circle(), 16, [8], 4, activation="tanh")
