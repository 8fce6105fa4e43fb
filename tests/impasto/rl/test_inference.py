"""The fast form of a policy paints what the policy paints."""

import copy

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.networks import Actor
from impasto.networks.layers import Conv
from impasto.painters import AgentPainter
from impasto.renderers import AnalyticRenderer, NeuralRenderer, Renderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.inference import _Product, fast_form
from impasto.rl.policy import PaintingPolicy
from impasto.runtime.precision import missing_compiler
from impasto.strokes import Bezier
from tests.impasto.small_networks import stir

SIZE = 16


def policy(norm: str = "batch", renderer: Renderer | None = None) -> PaintingPolicy:
    torch.manual_seed(0)
    renderer = renderer or AnalyticRenderer(Bezier(), SIZE)
    environment = PaintingEnvironment(renderer, 6, 2)
    made = PaintingPolicy(Actor(9, environment.action_dim, [1, 1], 8, norm), environment)
    stir(made)
    return made.eval()


def targets(count: int = 2) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("norm", ["batch", "weight", "group", "layer"])
def test_in_full_precision_it_is_the_same_but_for_rounding(norm: str) -> None:
    original = policy(norm)
    before = copy.deepcopy(original.state_dict())
    expected = original.paint(targets())
    fast = fast_form(original, "cpu", "32-true")
    for found, wanted in zip(fast.paint(targets()), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=2e-5)
    layers = [type(layer).__name__ for layer in fast.modules()]
    assert "BatchNorm2d" not in layers
    assert not any("Parametrized" in layer for layer in layers)
    after = original.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert any(
        "Norm" in type(layer).__name__ or "Param" in type(layer).__name__
        for layer in original.actor.modules()
    )


@pytest.mark.parametrize("norm", ["batch", "weight"])
def test_in_bfloat16_it_is_near(norm: str) -> None:
    original = policy(norm)
    fast = fast_form(original, "cpu", "bf16-mixed")
    assert {p.dtype for p in fast.actor.stages.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in fast.actor.head.parameters()} == {torch.float32}
    strokes, canvas = fast.paint(targets())
    wanted, expected = original.paint(targets())  # as before: copies share classes of layers
    assert (strokes.dtype, canvas.dtype) == (torch.float32, torch.float32)
    assert not torch.equal(strokes, wanted)
    torch.testing.assert_close(strokes, wanted, rtol=0, atol=5e-2)
    assert (canvas - expected).square().mean() < 1e-4


@pytest.mark.parametrize(("right", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_paints_in_bfloat16_where_that_proves_right(
    right: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr("impasto.runtime.precision._tried", {})
    monkeypatch.setattr("impasto.runtime.precision._is_right", lambda *case: right)
    fast = fast_form(policy(), "cpu", "auto")
    assert {p.dtype for p in fast.actor.stages.parameters()} == {expected}


def test_a_product_of_one_pixel_is_the_convolution_of_its_middle() -> None:
    torch.manual_seed(0)
    conv = Conv(3, 5, 3, 2).bfloat16()
    x = torch.rand(2, 3, 1, 1).bfloat16()
    wanted = conv.weight[:, :, 1, 1].float() @ x[..., 0, 0].float().T + conv.bias.float()[:, None]
    assert torch.equal(_Product(conv)(x)[..., 0, 0], wanted.T.bfloat16())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("count", [1, 5, 17])  # of 4 x 4 places each, or of 2 x 2
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_is_the_convolution(count: int, stride: int, bias: bool) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 5, 3, stride, padding=1, bias=bias)
    x = torch.rand(count, 3, 4, 4).to(memory_format=torch.channels_last)
    torch.testing.assert_close(_Product(conv)(x), conv(x), rtol=0, atol=1e-6)


def test_large_convolutions_of_one_small_map_are_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.rl.inference._MANY_WEIGHTS", 3 * 3 * 16 * 16)
    original = policy()
    fast = fast_form(original, "cpu", "32-true")
    products = [layer for layer in fast.modules() if isinstance(layer, _Product)]
    assert len(products) == 1  # the last of the second stage
    multiplied: list[torch.Size] = []
    products[0].conv.register_forward_hook(lambda *said: multiplied.append(said[2].shape))
    for count, convolved in ((1, 0), (17, 3)):  # 2 x 2 places each
        multiplied.clear()
        strokes, _ = fast.paint(targets(count))
        assert len(multiplied) == convolved
        torch.testing.assert_close(strokes, original.paint(targets(count))[0], rtol=0, atol=2e-5)


def test_a_painter_paints_by_it() -> None:
    original = policy()
    painter = AgentPainter(original, precision="bf16-mixed")
    found = painter.paint(targets()[0])
    expected, _ = fast_form(original, "cpu", "bf16-mixed").paint(targets()[:1])
    assert torch.equal(found, expected[0])
    more = painter.with_strokes(6)
    assert torch.equal(more.paint(targets()[0]), found)
    with pytest.raises(UserError, match="`precision` is '8-bit'"):
        AgentPainter(original, precision="8-bit")


def test_an_agent_sees_what_it_paints() -> None:
    learned = policy(renderer=NeuralRenderer(Bezier(), SIZE, [8], 4))
    fast = fast_form(learned, "cpu", "32-true")
    strokes, canvas = fast.paint(targets())
    torch.testing.assert_close(canvas, draw(Bezier(), strokes, SIZE, SIZE))
    assert isinstance(learned.renderer, NeuralRenderer)
    _, seen = learned.paint(targets())
    assert (seen - canvas).abs().max() > 0.1


@pytest.mark.slow
@pytest.mark.skipif(missing_compiler("cpu") is not None, reason="there is no compiler")
def test_compiled_it_paints_the_same() -> None:
    from torch._dynamo.utils import counters  # two seconds

    counters.clear()
    original = policy()
    fast = fast_form(original, "cpu", "32-true", compiled=True)
    for count in (1, 2, 3):
        strokes, _ = fast.paint(targets(count))
        torch.testing.assert_close(strokes, original.paint(targets(count))[0], rtol=0, atol=2e-5)
    # Weights are constants, laid out once as oneDNN reads them.
    assert counters["inductor"]["mkldnn_conv_weight_pack_matcher_count"] > 0


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match="`compiled=true` needs a C"):
        fast_form(policy(), "cpu", compiled=True)
    fast_form(policy(), "cpu", compiled="auto").paint(targets())
