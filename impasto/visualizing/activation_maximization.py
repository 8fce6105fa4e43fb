"""Activation maximization: a picture that convinces classifiers of a class."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import UserError
from impasto.networks.classifiers import Classifier
from impasto.visualizing.augmentations import Views, view_pictures

_OFFERED = 3
GOALS = ("log_probability", "logit")


@dataclass(frozen=True)
class ClassGoal:
    """Goal that classifiers see a class in a picture.

    Attributes:
        classifiers: One or more.
        indices: Which of each one's outputs the class is.
        name: What the first one calls it.
        goal: What is maximized: `log_probability` or `logit`, the mean over views and classifiers.
        views: From where they look.
        background: RGB beside the picture.
    """

    classifiers: Sequence[Classifier]
    indices: Sequence[int]
    name: str
    goal: str
    views: Views
    background: Sequence[float]

    @classmethod
    def of(
        cls,
        classifiers: Sequence[Classifier],
        label: str,
        goal: str,
        views: Views,
        background: Sequence[float],
    ) -> "ClassGoal":
        """Make the goal of a class by its name, or by its number in the first classifier.

        Raises:
            UserError: A classifier lacks it, or there is no such goal.
        """
        if goal not in GOALS:
            raise UserError(f"`goal={goal}` makes no sense", f"give one of {', '.join(GOALS)}")
        first = find_class(classifiers[0], label)
        name = classifiers[0].classes[first]
        indices = [first, *(find_class(other, name) for other in classifiers[1:])]
        return cls(classifiers, indices, name, goal, views, background)

    def loss(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """Return the loss of a picture (3, H, W), which sees it in other views at every call."""

        def of(picture: Tensor) -> Tensor:
            maps = self.views.draw(generator, picture.device)
            return -self._scores(view_pictures(picture, maps, self.background)).mean()

        return of

    def _scores(self, pictures: Tensor) -> Tensor:
        """Return the scores to maximize, (classifiers, V)."""
        scores = []
        for classifier, index in zip(self.classifiers, self.indices, strict=True):
            logits = classifier(pictures)
            scored = logits if self.goal == "logit" else logits.log_softmax(1)
            scores.append(scored[:, index])
        return torch.stack(scores)

    @torch.no_grad()
    def probabilities(self, picture: Tensor) -> list[float]:
        """Return the class's probability in a picture (3, H, W), by each classifier."""
        return [
            float(classifier(picture[None]).softmax(1)[0, index])
            for classifier, index in zip(self.classifiers, self.indices, strict=True)
        ]


def find_class(classifier: Classifier, label: str) -> int:
    """Return the index of a class among a classifier's outputs.

    Args:
        classifier: Any.
        label: A name, in small or capital letters; or a number, if no class is called so.

    Raises:
        UserError: It has no such class; the nearest names are offered.
    """
    names = [name.casefold() for name in classifier.classes]
    if label.casefold() in names:
        return names.index(label.casefold())
    count = len(names)
    if label.isdecimal():
        if int(label) < count:
            return int(label)
        todo = f"give a number from 0 to {count - 1}, or a name"
        raise UserError(f"{classifier.name} has {count} classes, and no number {label}", todo)
    near = difflib.get_close_matches(label.casefold(), names, _OFFERED, cutoff=0.5)
    near += [name for name in names if label.casefold() in name.split() and name not in near]
    offered = [classifier.classes[names.index(name)] for name in near[:_OFFERED]]
    if offered:
        todo = f"did you mean {', '.join(offered)}?"
    else:
        todo = f"give another, such as {', '.join(classifier.classes[:_OFFERED])}"
    raise UserError(f"{classifier.name} has no class {label!r}", todo)
