"""Strokes with parameters on discrete levels, and with a brush that can be lifted."""

from abc import ABC
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor

from impasto.bounds import validated
from impasto.errors import UserError
from impasto.strokes.base import Stroke

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

    def place(
        self,
        center: Tensor,
        scale: float,
        generator: torch.Generator | None = None,
        sides: tuple[float, float] = (1.0, 1.0),
    ) -> Tensor:
        """See `Stroke.place`; with the brush down."""
        return self._down(super().place(center, scale, generator, sides))

    def for_renderer(self, shape: Tensor) -> tuple[Tensor, Tensor | None]:
        """See `Stroke.for_renderer`: where the lift is known, strokes are drawn unlifted."""
        return (self._down(shape), 1 - shape[:, -1]) if self.lift_known else (shape, None)

    def watched(self, strokes: Tensor) -> dict[str, Tensor]:
        """Return ``lifted``, the share of strokes that leave no paint, where they may."""
        if not self.lift:
            return {}
        lifted = strokes.detach()[..., self.shape_dim - 1] >= LIFTED
        return {"lifted": lifted.float().mean()}

    def _down(self, shape: Tensor) -> Tensor:
        """Return shapes (N, S) with the brush down."""
        if not self.lift:
            return shape
        return torch.cat([shape[:, :-1], torch.zeros_like(shape[:, -1:])], dim=1)
