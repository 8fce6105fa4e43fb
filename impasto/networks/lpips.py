"""LPIPS: perceptual distance of two pictures, by a classifier of photographs."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from impasto.networks.features import ClassifierFeatures
from impasto.persistence.tensors import read_tensors

_LAYERS = ("features.1", "features.4", "features.7", "features.9", "features.11")  # AlexNet's ReLUs
_LEAST = 32  # pixels on the shorter side that AlexNet can look at
_FLOOR = 1e-8  # under a feature vector's squared length


class Lpips(nn.Module):
    """Learned perceptual image patch similarity of Zhang et al., 2018, version 0.1 on AlexNet.

    d(x, y) = sum over layers l of the mean over places (h, w) of
    ||w_l * (phi_l(x)_hw - phi_l(y)_hw)||^2 (Eq. 1), phi of unit length over the channels. The
    weights w_l² come with torchmetrics; those of AlexNet do not, and are torchvision's.

    Args:
        weights: A file with a state dict of torchvision's AlexNet, or ``default``: it is
            downloaded once.

    Raises:
        UserError: There is no such file, it is none of AlexNet, or it can't be downloaded.
    """

    def __init__(self, weights: str = "default") -> None:
        super().__init__()
        import torchmetrics  # for its place: slow to import

        self.features = ClassifierFeatures("alexnet", _LAYERS, weights, setting="lpips")
        file = Path(torchmetrics.__file__).parent / "functional/image/lpips_models/alex.pth"
        linear = read_tensors(file)
        for number in range(len(_LAYERS)):  # each (1, C, 1, 1), not negative
            self.register_buffer(f"linear{number}", linear[f"lin{number}.model.1.weight"])

    @torch.no_grad()
    def forward(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Return the distance of pictures (B, 3, H, W) in [0, 1], (B,): 0 if they are the same."""
        distances = []
        pairs = zip(self._describe(canvas), self._describe(target), strict=True)
        for number, (one, other) in enumerate(pairs):
            weight = self.get_buffer(f"linear{number}")
            distances.append(((one - other).square() * weight).sum(1).mean((1, 2)))
        return torch.stack(distances).sum(0)

    def _describe(self, pictures: Tensor) -> list[Tensor]:
        """Return phi_l of (B, 3, H, W), each (B, C, h, w) of unit length over C."""
        factor = _LEAST / min(pictures.shape[2:])
        if factor > 1:
            size = [round(factor * side) for side in pictures.shape[2:]]
            pictures = interpolate(pictures, size, mode="bilinear")
        maps = self.features(pictures)
        return [x * (x.square().sum(1, keepdim=True) + _FLOOR).rsqrt() for x in maps]
