"""LPIPS, against torchmetrics' own on the same weights."""

from pathlib import Path

import pytest
import torch
from torchmetrics.functional.image.lpips import _LPIPS
from torchvision.models import alexnet

from impasto.errors import UserError
from impasto.networks.perceptual import Lpips


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random ones: nothing is downloaded."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    state = alexnet(weights=None).features.state_dict()
    torch.save({f"features.{name}": tensor for name, tensor in state.items()}, file)
    return file


def theirs(file: Path) -> _LPIPS:
    network = _LPIPS(net="alex", pnet_rand=True)  # its backbone is random, and not downloaded
    state = torch.load(file, weights_only=True)
    for name, parameter in network.net.named_parameters():  # slice1.0.weight
        parameter.data.copy_(state["features." + name.partition(".")[2]])
    return network


@pytest.mark.parametrize("size", [(32, 32), (64, 40)])
def test_is_what_torchmetrics_measures(weights: Path, size: tuple[int, int]) -> None:
    pictures = torch.rand(2, 2, 3, *size, generator=torch.Generator().manual_seed(1))
    expected = theirs(weights)(*pictures, normalize=True).flatten()
    distance = Lpips(str(weights))(*pictures)
    assert distance.shape == (2,)
    assert torch.allclose(distance, expected, rtol=1e-4)
    assert distance.min() > 1e-4


def test_the_same_picture_is_at_distance_zero(weights: Path) -> None:
    picture = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(1))  # enlarged
    lpips = Lpips(str(weights))
    assert lpips(picture, picture).item() == 0
    assert lpips(picture, 1 - picture).item() > 0


def test_a_wrong_file_is_an_error_that_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist") as error:
        Lpips(str(tmp_path / "no.pth"))
    assert "lpips" in error.value.todo
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="lacks") as error:
        Lpips(str(tmp_path / "other.pth"))
    assert "lpips=FILE" in error.value.todo
