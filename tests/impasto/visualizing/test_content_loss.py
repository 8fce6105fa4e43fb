"""The content loss, against its definition."""

import pytest
import torch

from impasto.errors import UserError
from impasto.networks.features import ClassifierFeatures
from impasto.visualizing import ContentGoal, Views

MODEL, LAYERS = "squeezenet1_1", ["features.1", "features.3.cat"]
STILL = Views(1, 0, 0, 0)


@pytest.fixture(scope="module")
def features() -> ClassifierFeatures:
    return ClassifierFeatures(MODEL, LAYERS, "random")


def picture(seed: int) -> torch.Tensor:
    return torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(seed))


def test_its_equation(features: ClassifierFeatures) -> None:
    target, painting = picture(0), picture(1)
    goal = ContentGoal(features, target, STILL)
    expected = 0.0
    for wanted, found in zip(features(target[None]), features(painting[None]), strict=True):
        expected += float(((wanted - found) ** 2).mean() / (wanted**2).mean()) / 2
    assert expected > 0.1
    assert goal.distance(painting) == pytest.approx(expected, rel=1e-5)
    assert float(goal.loss(torch.Generator())(painting)) == pytest.approx(expected, rel=1e-5)
    assert goal.distance(target) == 0


def test_both_are_seen_from_the_same_views(features: ClassifierFeatures) -> None:
    target = picture(0)
    goal = ContentGoal(features, target, Views(3, 0.1, 0.2, 10.0))
    loss = goal.loss(torch.Generator().manual_seed(0))
    assert float(loss(target)) == 0
    first, second = float(loss(picture(1))), float(loss(picture(1)))
    assert first != second
    assert goal.distance(picture(1)) == goal.distance(picture(1))


def test_the_gradient_leads_to_the_picture(features: ClassifierFeatures) -> None:
    target, painting = picture(0), picture(1).requires_grad_()
    loss = ContentGoal(features, target, STILL).loss(torch.Generator())
    (gradient,) = torch.autograd.grad(loss(painting), painting)
    after = (painting - 0.5 * gradient / gradient.abs().max()).detach()
    assert (after - target).square().sum() < (painting - target).square().sum()


def test_random_weights_are_always_the_same_and_keep_the_spread() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one = ClassifierFeatures("vgg11", ["features.0", "features.6"], "random")
        torch.manual_seed(2)
        same = ClassifierFeatures("vgg11", ["features.0", "features.6"], "random")
    assert torch.equal(one.fingerprint, same.fingerprint)
    maps = one(picture(0)[None])
    assert all(0.3 < float(seen.std()) < 6 for seen in maps)
    normed = ClassifierFeatures("resnet18", ["relu", "layer1"], "random")
    assert all(torch.isfinite(seen).all() and seen.std() > 0.1 for seen in normed(picture(0)[None]))


def test_a_picture_too_small_to_look_at() -> None:
    deep = ClassifierFeatures("vgg11", ["features.20"], "random")
    with pytest.raises(UserError, match=r"^the network can't look at a picture of 8 x 8 px"):
        ContentGoal(deep, torch.zeros(3, 8, 8), STILL)
