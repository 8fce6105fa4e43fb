"""Content loss: a painting keeps the features that a network sees in a picture."""

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.networks.features import ClassifierFeatures
from impasto.visualizing.augmentations import Views, view_pictures

_FLOOR = 1e-12  # under the mean square of features


class ContentGoal:
    """Content loss of Gatys et al., 2015, alone: the style is left to the strokes.

    The mean over layers of the mean squared error of their features, in shares of the mean square
    of the picture's own, so that layers count alike.

    Args:
        features: Of the layers.
        target: The picture, (3, H, W) in [0, 1].
        views: From where both are looked at; the picture as it is if they are all the `same`.

    Raises:
        UserError: The network can't look at a picture of this size.
    """

    def __init__(self, features: ClassifierFeatures, target: Tensor, views: Views) -> None:
        self.features = features
        self.target = target
        self.views = views
        try:
            with torch.no_grad():
                self._target_features = features(target[None])
        except (RuntimeError, ValueError, AssertionError) as error:
            size = f"{target.shape[2]} x {target.shape[1]}"
            todo = "give more canvases, or layers nearer to the picture in `features.layers`"
            raise UserError(f"the network can't look at a picture of {size} px", todo) from error

    def loss(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """Return the loss of a painting (3, H, W)."""
        if self.views.same:
            return lambda painting: self._distance(painting[None], self._target_features)

        def of(painting: Tensor) -> Tensor:
            maps = self.views.draw(generator, painting.device)
            # Beside the picture both are black.
            pair = [view_pictures(one, maps, (0.0, 0.0, 0.0)) for one in (painting, self.target)]
            with torch.no_grad():
                target_features = self.features(pair[1])
            return self._distance(pair[0], target_features)

        return of

    @torch.no_grad()
    def distance(self, painting: Tensor) -> float:
        """Return the loss of a painting (3, H, W) without views: 0 is the picture's own content."""
        return self._distance(painting[None], self._target_features).item()

    def _distance(self, pictures: Tensor, target_features: list[Tensor]) -> Tensor:
        pairs = zip(self.features(pictures), target_features, strict=True)
        losses = [(a - b).square().mean() / (b.square().mean() + _FLOOR) for a, b in pairs]
        return torch.stack(losses).mean()
