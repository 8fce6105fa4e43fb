"""Strokes with parameters on discrete levels, and with a brush that can be lifted."""

from abc import ABC
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from impasto.bounds import validated
from impasto.errors import UserError
from impasto.strokes.base import Stroke

_CHANCE = 0.01  # at which the farther of two levels is drawn at least: nothing is ever settled


def to_levels(shape: Tensor, levels: Sequence[int]) -> Tensor:
    """Round each number of shapes to the nearest of its levels; the gradient passes straight.

    Args:
        shape: (..., S) in [0, 1].
        levels: How many each of the S numbers has, at least 2; 0 is any value.

    Returns:
        (..., S). Its gradient is that of the number itself (Bengio et al., 2013).
    """
    few, steps = _steps(shape, levels)
    rounded = torch.where(few, (shape.detach().clamp(0, 1) * steps).round() / steps, shape)
    return rounded + torch.where(few, shape - shape.detach(), 0.0)


def even_levels(shape: Tensor, levels: Sequence[int]) -> Tensor:
    """Convert uniform numbers (..., S) in [0, 1] to equally likely levels; see `to_levels`."""
    few, steps = _steps(shape, levels)
    return torch.where(few, (shape * (steps + 1)).floor().clamp_max(steps) / steps, shape)


def gumbel_levels(
    shape: Tensor, levels: Sequence[int], temperature: float, generator: torch.Generator | None
) -> Tensor:
    """Draw each number of shapes at one of the two levels around it.

    The nearer, the likelier: in the mean it is the number itself, but for one draw in a hundred,
    so that no number is without a gradient. This is that of the Gumbel-softmax of the two (Jang et
    al., 2017), its forward value the level drawn; a flag is 1 as often as its number says.

    Args:
        shape: (..., S) in [0, 1].
        levels: See `to_levels`.
        temperature: Of the softmax; with a low one the gradient is that of fewer and larger steps.
        generator: Of the random numbers, on `shape`'s device.
    """
    few, steps = _steps(shape, levels)
    place = shape * steps
    below = torch.minimum(place.detach().floor(), steps - 1)
    share = _CHANCE + (1 - 2 * _CHANCE) * (place - below)  # of the level above
    noise = torch.rand(shape.shape, generator=generator, device=shape.device).clamp(1e-6, 1 - 1e-6)
    soft = (share.logit() + noise.logit().to(shape)).div(temperature).sigmoid()
    drawn = (soft.detach() > 0.5).to(shape)
    return torch.where(few, (below + drawn + (soft - soft.detach())) / steps, shape)


def _steps(shape: Tensor, levels: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return a mask (S,) of the numbers with levels, and each one's steps from 0 to 1, or 1."""
    count = torch.tensor(levels, device=shape.device)
    return count > 0, (count - 1).clamp_min(1).to(shape)


LIFTED = 0.5  # from where a brush counts as lifted


@validated
class DiscreteStroke(Stroke, ABC):
    """Base of kinds of which some parameters can have levels, and whose brush can be lifted.

    What is drawn and what records hold is rounded, whatever it comes from.

    Args:
        levels: How many values each of `stepped` has, evenly spaced; any by default.
        lift: Whether there is one parameter more, `lift`: at 1 a stroke leaves no paint.
        rounded: Whether `limit` rounds, with a gradient that goes straight through, so that agents
            only ever see what can be drawn. Without, as in the paper, a learned renderer has to
            paint what lies between two levels, and drawing rounds later.
        lift_known: Whether a lift is taken for what it is, no paint, and not for what a learned
            renderer made of it, whose gradient vanishes where there is none.
        limits: As for any kind.

    Attributes:
        stepped: Parameters that levels are for.

    Raises:
        UserError: Levels that make no sense; there is nothing to be rounded or lifted.
    """

    stepped: ClassVar[tuple[str, ...]] = ()
    optional = ("lift",)

    def __init__(
        self,
        levels: Annotated[int, Ge(2), Le(256)] | None = None,
        lift: bool = False,
        rounded: bool = True,
        lift_known: bool = False,
        **limits: Any,
    ) -> None:
        self.level_count = levels
        self.lift = lift
        self.rounded = rounded
        self.lift_known = lift_known
        if lift:
            self.parameters = (*type(self).parameters, *self.optional)
        super().__init__(**limits)
        if levels or lift:
            counts = {**dict.fromkeys(self.stepped, levels or 0), "lift": 2}
            self.levels = tuple(counts.get(name, 0) for name in self.parameters)
        self._check_discrete()

    def _check_discrete(self) -> None:
        if not self.rounded and not self.levels:
            raise UserError(
                "`rounded=false`: there is nothing to be rounded",
                "add `levels=10` or `lift=true`",
            )
        if self.lift_known and not self.lift:
            raise UserError("`lift_known=true`: there is no lift", "add `lift=true`")
        if self.level_count and self.max_width is not None:
            raise UserError(
                "`max_width` doesn't go with `levels`: few levels would be left",
                "leave one of them out",
            )

    def options(self) -> dict[str, Any]:
        """Return the constructor arguments that drawing depends on."""
        levels = {} if self.level_count is None else {"levels": self.level_count}
        return levels | ({"lift": True} if self.lift else {})

    def limits(self) -> dict[str, Any]:
        """Return the limits of any kind, and the options of levels and lift."""
        rounded = {} if self.rounded else {"rounded": False}
        return super().limits() | rounded | ({"lift_known": True} if self.lift_known else {})

    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """See `Stroke.sample`; every level is as likely as any other."""
        if not self.levels:
            return super().sample(count, generator, device)
        shape = torch.rand(count, self.shape_dim, generator=generator, device=device)
        return even_levels(super().limit_shape(shape), self.levels)

    def place(
        self,
        center: Tensor,
        scale: float,
        generator: torch.Generator | None = None,
        sides: tuple[float, float] = (1.0, 1.0),
    ) -> Tensor:
        """See `Stroke.place`; with the brush down."""
        return self._down(super().place(center, scale, generator, sides))

    def limit_shape(self, shape: Tensor) -> Tensor:
        """See `Limited.limit_shape`; rounded to levels."""
        limited = super().limit_shape(shape)
        return self.nearest(limited) if self.rounded else limited

    def nearest(self, shape: Tensor) -> Tensor:
        """Round shapes (..., S) as they are drawn: each number to the nearest of its levels."""
        return to_levels(shape, self.levels) if self.levels else shape

    def for_renderer(self, shape: Tensor) -> tuple[Tensor, Tensor | None]:
        """See `Stroke.for_renderer`: where the lift is known, strokes are drawn unlifted."""
        return (self._down(shape), 1 - shape[:, -1]) if self.lift_known else (shape, None)

    def watched(self, strokes: Tensor) -> dict[str, Tensor]:
        """Return ``lifted``, the share of strokes that leave no paint, where they may."""
        if not self.lift:
            return {}
        lifted = strokes.detach()[..., self.shape_dim - 1] >= LIFTED
        return {"lifted": lifted.float().mean()}

    def to_record(self, shape: Tensor) -> dict[str, float]:
        """See `Recorded.to_record`: as it is drawn."""
        return super().to_record(self.nearest(shape))

    def _down(self, shape: Tensor) -> Tensor:
        """Return shapes (N, S) with the brush down."""
        if not self.lift:
            return shape
        return torch.cat([shape[:, :-1], torch.zeros_like(shape[:, -1:])], dim=1)
