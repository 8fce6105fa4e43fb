"""A classifier small enough to come with the project."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

_PLACES = 4  # on a side of the last maps: where something is counts


class SmallClassifier(nn.Module):
    """Classifier of four convolutions, for a few classes of small grey pictures.

    Args:
        classes: How many.
        width: Maps of the first convolution.
    """

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.classes, self.width = classes, width
        layers: list[nn.Module] = []
        maps = 1
        for number, (kernel, stride) in enumerate(((5, 2), (3, 1), (3, 2), (3, 2))):
            wide = width * min(2**number, 4)
            layers += [
                nn.Conv2d(maps, wide, kernel, stride, padding=kernel // 2),
                nn.GroupNorm(4, wide),
                nn.SiLU(),  # smooth: strokes follow its gradient
            ]
            maps = wide
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(maps * _PLACES**2, classes)

    def config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {"classes": self.classes, "width": self.width}

    def forward(self, pictures: Tensor) -> Tensor:
        """Map pictures (B, C, H, W) in [0, 1], averaged over C, to logits (B, classes)."""
        gray = 2 * pictures.mean(1, keepdim=True) - 1
        maps = adaptive_avg_pool2d(self.features(gray), _PLACES)
        logits: Tensor = self.head(maps.flatten(1))
        return logits
