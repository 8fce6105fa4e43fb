"""The LSTM painter: shapes, order, gradients, and that it can be exported and made fast."""

from pathlib import Path

import pytest
import torch

from impasto.canvas import to_float
from impasto.networks import LstmActor
from impasto.persistence.description import build, describe
from impasto.renderers import AnalyticRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.inference import fast_form
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier
from tests.impasto.small_networks import SMALL, observation, stir

BUNDLE, DIM = 3, 13
SIZES = {"features": 8, "units": 6, **SMALL}


def actor(**more: object) -> LstmActor:
    torch.manual_seed(0)
    return LstmActor(9, BUNDLE * DIM, **{"bundle": BUNDLE, **SIZES, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [16, 48])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_picture_in_and_strokes_out(size: int, layers: int) -> None:
    action = actor(layers=layers)(observation(size, size))
    assert action.shape == (2, BUNDLE * DIM)
    assert action.min() > 0
    assert action.max() < 1
    assert not torch.allclose(action[0], action[1])
    strokes = action.view(2, BUNDLE, DIM)
    assert not torch.allclose(strokes[:, 0], strokes[:, 1], atol=1e-3)  # no stroke is repeated


def test_the_gradient_of_the_last_stroke_reaches_every_parameter() -> None:
    """Through every step of both layers, into the encoder; of `due` all rows."""
    network = actor(layers=2, hidden=5, glance=2)
    network(observation(16, 16)).view(2, BUNDLE, DIM)[:, -1].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert (network.due.grad.abs().sum(1) > 0).all()


def test_a_stroke_depends_on_those_before_it_and_not_on_those_after() -> None:
    network = actor().eval()
    before = network(observation(16, 16)).view(2, BUNDLE, DIM)
    with torch.no_grad():
        network.due[1] += 1
    after = network(observation(16, 16)).view(2, BUNDLE, DIM)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])
    assert not torch.allclose(before[:, 2], after[:, 2])


def test_each_picture_has_a_state_of_its_own() -> None:
    """Hidden and cell states of several layers are not mixed up between pictures."""
    network = actor(layers=2).eval()
    both = observation(16, 16)
    torch.testing.assert_close(network(both)[1:], network(both[1:]))
    torch.testing.assert_close(network(both.flip(0)).flip(0), network(both))


def test_it_is_built_again_from_its_description() -> None:
    network = actor(layers=2, hidden=5, glance=2, residual=4.0)
    again = build(describe(network))
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(observation(16, 16)), network.eval()(observation(16, 16)))


def test_a_policy_of_one_sequence_paints_is_exported_and_has_a_fast_form(tmp_path: Path) -> None:
    environment = PaintingEnvironment(AnalyticRenderer(Bezier(), 16), BUNDLE, BUNDLE)
    network = actor()
    stir(network)
    target = to_float(torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8))
    strokes, canvas = PaintingPolicy(network, environment).paint(target)
    assert strokes.shape == (2, BUNDLE, DIM)
    PaintingPolicy(network, environment).save(tmp_path / "agent")
    loaded = PaintingPolicy.load(tmp_path / "agent", bundle=BUNDLE)
    torch.testing.assert_close(loaded.paint(target)[0], strokes)  # by a faster kernel
    fast = fast_form(loaded, "cpu", "bf16-mixed")
    torch.testing.assert_close(fast.paint(target)[0], strokes, atol=0.02, rtol=0)
    assert canvas.shape == target.shape


def test_numbers_that_are_no_strokes_are_refused() -> None:
    with pytest.raises(ValueError, match="40 numbers are no 3 strokes"):
        LstmActor(9, 40, bundle=3)
