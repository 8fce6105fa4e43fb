"""Training of a small classifier by whose gradient pictures can be painted."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from impasto.bounds import Count, NotNegative, Positive, validated
from impasto.canvas import to_float
from impasto.networks.small_classifier import SmallClassifier
from impasto.painters.schedule import cooling
from impasto.rendering import draw
from impasto.strokes import Stroke
from impasto.strokes.conversion import into_range
from impasto.visualizing.augmentations import Views, view_maps, view_pictures

_NOISE = 0.1  # standard deviation of the noise on pixels, at most
_CONTRAST = 0.5  # least difference of ink and paper
_VIEWS = Views(shift=0.08, scale=0.25, angle=15.0)
_MOST_STROKES = 12  # in a picture of nothing


@validated
@dataclass(frozen=True)
class Lesson:
    """Recipe for training a classifier.

    Beside labelled pictures from many points of view it is shown random strokes, of which it has to
    say that they are no class more than another (outlier exposure, Hendrycks et al., 2019), and its
    pictures are changed a little against it (adversarial training, Madry et al., 2018): without
    these almost any scribble that follows its gradient convinces it, with them what convinces it
    looks like its class (Santurkar et al., "Image Synthesis with a Single (Robust) Classifier",
    2019).

    Attributes:
        stroke: The kind of the random strokes.
        steps: Gradient steps.
        batch_size: Labelled pictures of a step; half as many of random strokes.
        learning_rate: AdamW's, at the start.
        attack: By how far a picture is changed, as its distance (root of the sum of squares) in
            pixels.
        zoom: In what size, on the mean: below 1 there is a margin around them.
        views: From where they are seen.
    """

    stroke: Stroke
    steps: Count = 600
    batch_size: Count = 64
    learning_rate: Positive = 4e-3
    attack: NotNegative = 1.2
    zoom: Positive = 0.7
    views: Views = _VIEWS

    def teach(
        self,
        network: SmallClassifier,
        images: Tensor,
        labels: Tensor,
        generator: torch.Generator,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Train a classifier.

        Args:
            network: On the CPU or another device; changed in place.
            images: (N, 3, n, n) uint8.
            labels: (N,) int64.
            generator: Source of randomness, on the CPU.
            progress: Called with the loss after each of the steps.
        """
        device = next(network.parameters()).device
        optimizer = torch.optim.AdamW(network.parameters(), self.learning_rate, weight_decay=0.01)
        for step in range(self.steps):
            optimizer.param_groups[0]["lr"] = self.learning_rate * cooling(step, self.steps)
            rows = torch.randint(len(images), (self.batch_size,), generator=generator)
            gray = to_float(images[rows]).mean(1, keepdim=True)
            known = self._varied(gray, generator)
            nothing = self._varied(self._scribbles(images.shape[-1], generator), generator)
            pictures = torch.cat([known, nothing]).to(device)
            targets = _targets(labels[rows], len(nothing), network.classes).to(device)
            far = self.attack * min(1.0, 2 * step / self.steps)  # first it has to see something
            pictures = _attacked(network, pictures, targets, far)
            loss = functional.cross_entropy(network(pictures), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if progress is not None:
                progress(loss.item())

    def framed(self, pictures: Tensor) -> Tensor:
        """Resize pictures (B, C, n, n), white on black, as the classifier has learned them."""
        none = torch.zeros(len(pictures))
        maps = view_maps(torch.zeros(len(pictures), 2), none + self.zoom, none)
        return view_pictures(pictures, maps.to(pictures), [0.0] * pictures.shape[1])

    def _scribbles(self, size: int, generator: torch.Generator) -> Tensor:
        """Draw grey pictures (B / 2, 1, n, n) of random white strokes on black."""
        count, each = self.batch_size // 2, _MOST_STROKES
        strokes = torch.rand(count, each, self.stroke.dim, generator=generator)
        scale = float(torch.rand(1, generator=generator)) * 0.1 + 0.03
        center = torch.rand(count * each, 2, generator=generator)
        shapes = into_range(self.stroke, self.stroke.place(center, scale, generator))
        strokes[..., : self.stroke.shape_dim] = shapes.view(count, each, -1)
        # Of some only the first few are painted: the others are as black as the paper.
        shown = torch.randint(each + 1, (count, 1), generator=generator)
        strokes[..., self.stroke.shape_dim :] = (torch.arange(each) < shown)[..., None].float()
        return draw(self.stroke, self.stroke.limit(strokes.flip(1)), size, size)[:, :1]

    def _varied(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Vary pictures (B, 1, n, n) in point of view, shades and noise."""
        views = Views(len(pictures), self.views.shift, self.views.scale, self.views.angle)
        pictures = view_pictures(pictures, views.draw(generator) / self.zoom, (0.0,))
        # A third stays white on black; others get an ink and a paper of their own.
        random = torch.rand(4, len(pictures), 1, 1, 1, generator=generator)
        difference = _CONTRAST + (1 - _CONTRAST) * random[0]
        paper = (1 - difference) * random[1]
        shaded = paper + difference * pictures
        shaded = torch.where(random[2] < 0.5, shaded, 1 - shaded)
        pictures = torch.where(random[3] < 1 / 3, pictures, shaded)
        noise = torch.randn(pictures.shape, generator=generator)
        level = _NOISE * torch.rand(len(pictures), 1, 1, 1, generator=generator)
        return (pictures + level * noise).clamp(0, 1)


def _targets(labels: Tensor, nothing: int, classes: int) -> Tensor:
    """Return target probabilities (B, classes): the labels', and for `nothing` more all alike."""
    known = functional.one_hot(labels, classes).float()
    return torch.cat([known, torch.full((nothing, classes), 1 / classes)])


def _attacked(network: SmallClassifier, pictures: Tensor, targets: Tensor, far: float) -> Tensor:
    """Change pictures (B, C, n, n) by at most `far`, to where the loss is higher."""
    if far == 0:
        return pictures
    change = torch.zeros_like(pictures)
    for _ in range(2):
        perturbed = (pictures + change).requires_grad_()
        loss = functional.cross_entropy(network(perturbed), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, perturbed)
        length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
        change = change + far * gradient / length
        size = change.flatten(1).norm(dim=1).clamp_min(far).view(-1, 1, 1, 1)
        change = (pictures + change * far / size).clamp(0, 1) - pictures
    return pictures + change
