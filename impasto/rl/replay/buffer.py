"""Replay buffer of whole episodes, every canvas stored once, sampled uniformly.

A transition (C_t, a_t, C_{t+1}) of an episode of T steps needs two canvases that its neighbours
need too, and its target. Kept by episode that is T + 2 pictures instead of 3 T. Pictures are
rounded uint8. Rewards are not stored: the WGAN's changes with the discriminator.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from impasto.bounds import Count, validated
from impasto.canvas import to_float, to_uint8
from impasto.errors import UserError
from impasto.rl.environment import State

Layout = dict[str, tuple[tuple[int, ...], torch.dtype]]
"""Names of tensors to their shapes and types."""


class Transition(NamedTuple):
    """Batch of B sampled transitions (s_t, a_t, s_{t+1}).

    Attributes:
        state: s_t; pictures are float in [0, 1].
        action: (B, K * D).
        next_state: s_{t+1}.
        position: (B,) int64, where each lies in the buffer.
        weight: (B,), of each one's error in the critic's loss; 1 where all are drawn alike.
    """

    state: State
    action: Tensor
    next_state: State
    position: Tensor
    weight: Tensor


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # no such device, or none on this machine
        todo = "leave it out, for the agent's own device, or give `ReplayBuffer.device=cpu`"
        what = f"`ReplayBuffer.device` is {device!r}, which this machine does not have"
        raise UserError(what, todo) from error


@validated
class ReplayBuffer:
    """Ring buffer of whole episodes, sampled uniformly by transition.

    Memory is claimed at the first `add`, for the whole capacity. A buffer that draws otherwise
    subclasses this, and says how in `_draw`, `_added` and `prioritize`.

    Args:
        episodes: Capacity.
        device: Where pictures lie; None is the device of the first episode added.
        save: Whether what it holds is saved beside a run's checkpoints.

    Raises:
        UserError: There is no such device.
    """

    def __init__(self, episodes: Count, device: str | None = None, save: bool = True) -> None:
        if device is not None:
            _check_device(device)
        self.episodes = episodes
        self.device = device
        self.save = save
        self._next = 0
        self._filled = 0
        self._pictures: dict[str, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of transitions held."""
        return self._filled * self._pictures["action"].shape[1] if self._filled else 0

    @property
    def bytes_per_transition(self) -> float:
        """Bytes of memory per transition at full capacity."""
        claimed = sum(tensor.numel() * tensor.element_size() for tensor in self._pictures.values())
        return claimed / (self.episodes * self._pictures["action"].shape[1])

    def add(self, target: Tensor, canvas: Tensor, action: Tensor) -> None:
        """Add whole episodes, in the place of the oldest ones.

        Args:
            target: (B, 3, H, W) in [0, 1], or uint8 already.
            canvas: C_0 to C_T, (B, T + 1, 3, H, W), likewise.
            action: a_0 to a_{T-1}, (B, T, K * D).
        """
        new = {"target": to_uint8(target), "canvas": to_uint8(canvas), "action": action}
        new = {key: value[-self.episodes :] for key, value in new.items()}
        if not self._pictures:
            for key, value in new.items():
                device = self.device or value.device
                shape = (self.episodes, *value.shape[1:])
                self._pictures[key] = torch.empty(shape, dtype=value.dtype, device=device)
        count = new["target"].shape[0]
        slots = (self._next + torch.arange(count, device=self._place)) % self.episodes
        for key, value in new.items():
            storage = self._pictures[key]
            storage[slots] = value.detach().to(storage.device)
        self._added(slots)
        self._next = (self._next + count) % self.episodes
        self._filled = min(self._filled + count, self.episodes)

    def sample(
        self,
        count: int,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        update: int = 0,
    ) -> Transition:
        """Draw transitions, with replacement.

        Args:
            count: How many, B.
            generator: Source of randomness, on any device.
            device: Where the result is wanted; where pictures lie by default.
            update: Number of the update that they are for, on which a schedule may depend.

        Raises:
            ValueError: The buffer is empty.
        """
        if not self._filled:
            raise ValueError("the replay buffer is empty")
        canvas, action = self._pictures["canvas"], self._pictures["action"]
        steps = action.shape[1]
        position, weight = self._draw(count, generator, update)
        episode, step = position // steps, position % steps
        to = device or canvas.device
        target = to_float(self._pictures["target"][episode].to(to))
        here = to_float(canvas[episode, step].to(to))
        there = to_float(canvas[episode, step + 1].to(to))
        at = step.to(to)
        return Transition(
            State(here, target, at),
            action[episode, step].to(to),
            State(there, target, at + 1),
            position,
            weight.to(to),
        )

    def prioritize(self, position: Tensor, error: Tensor) -> None:
        """Set priorities by the critic's errors; a uniform buffer ignores them.

        Args:
            position: (B,), of a `Transition`.
            error: (B,), absolute, on any device.
        """

    def _draw(
        self, count: int, generator: torch.Generator | None, update: int
    ) -> tuple[Tensor, Tensor]:
        """Draw indices (B,) of transitions held, on the pictures' device, and weights (B,)."""
        # Drawn where the generator is: it may be on another device than a replay too large for it.
        at = self._place if generator is None else generator.device
        drawn = torch.randint(len(self), (count,), generator=generator, device=at)
        return drawn.to(self._place), torch.ones(count, device=self._place)

    def _added(self, slots: Tensor) -> None:
        """Register new episodes in these slots (N,), before they count as held."""

    @property
    def _place(self) -> torch.device:
        return self._pictures["canvas"].device

    def state_dict(self) -> dict[str, int]:
        """Return the next episode's place and the number held; the episodes are in `tensors`."""
        return {"next": self._next, "filled": self._filled}

    def tensors(self) -> dict[str, Tensor]:
        """Return what is held and nothing else, as views: (N, ...) each, contiguous."""
        return {key: value[: self._filled] for key, value in self._pictures.items()}

    def claim(
        self, layout: Layout, state: dict[str, int], device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """Allocate memory for what another buffer of the same capacity held.

        Args:
            layout: Shapes and types of its `tensors`.
            state: Its `state_dict`.
            device: Where pictures lie if this buffer was not told.

        Returns:
            This buffer's `tensors`, to be overwritten by the other's.

        Raises:
            UserError: The other's capacity was another one than this ring needs.
        """
        filled, position = state["filled"], state["next"]
        if filled > self.episodes or (filled < self.episodes and position != filled):
            raise UserError(
                f"a replay of {filled} episodes does not fit `episodes={self.episodes}`",
                f"resume with `episodes={filled}`",
            )
        self._pictures = {
            key: torch.empty((self.episodes, *shape[1:]), dtype=dtype, device=self.device or device)
            for key, (shape, dtype) in layout.items()
        }
        self._next, self._filled = position, filled
        return self.tensors()
