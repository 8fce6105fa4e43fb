"""What every module that learns shares: counting updates, and stopping after exactly so many."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from lightning_modules.random_state import get_random_state, seed_globals, set_random_state
from lightning_modules.ranks import average, rank_count
from painting.errors import Diverged, UserError

# No loss of a run that learns is near this: scores that have grown so far never come back, and the
# run would only waste its hours until they overflow.
_EXPLODED = 1e6
# A large odd factor keeps the streams of neighbouring seeds and ranks apart.
APART = 0x9E3779B97F4A7C15

Figures = dict[str, Tensor]
UpdateHook = Callable[[int, Figures], None]


class UpdateModule(pl.LightningModule):
    """A module whose budget, schedules and logs count its own updates.

    Lightning's `global_step` counts every optimizer's step and is used for nothing.

    Where several ranks learn as one, what is counted, logged and stopped for is the same on all of
    them, and what is drawn is not.

    Args:
        updates: How many updates the run makes, counted from its very beginning.
        seed: Fixes everything that the module draws.
    """

    def __init__(self, updates: int, seed: int = 0) -> None:
        super().__init__()
        self.updates = updates
        self.seed = seed
        self.update_count = 0
        self.stop_requested = False
        self.update_hooks: list[UpdateHook] = []
        self._restored: dict[str, Any] | None = None
        self._agreed_to_stop = False
        self._moving: list[Tensor] = []

    @property
    def rank_seed(self) -> int:
        """The seed of what this rank draws; rank 0's is that of the run."""
        return (self.seed + self.global_rank * APART) % 2**63

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested, and all ranks know of it."""
        return self.stop_requested if rank_count() == 1 else self._agreed_to_stop

    @property
    def finished(self) -> bool:
        """Whether the run has made all its updates."""
        return self.update_count >= self.updates

    @property
    def validation_is_due(self) -> bool:
        """Whether a validation here belongs to the run's rhythm; not so where a stop brings one."""
        return True

    def count_update(self, figures: Figures) -> None:
        """Take note of one update, and end the run if it was the last.

        Args:
            figures: Its scalars, detached, every loss among them; of several ranks, the mean
                counts.

        Raises:
            Diverged: One of them is NaN or infinite, or beyond a million: a discriminator or a
                critic whose scores explode.
        """
        figures = self.agree(figures)
        values = torch.stack(list(figures.values())).abs()
        if not (values < _EXPLODED).all():  # NaN is not, either
            what = "explodes" if values.isfinite().all() else "is not finite"
            raise Diverged(
                f"a loss {what} at update {self.update_count + 1}: "
                + ", ".join(f"{name} {value.item():g}" for name, value in figures.items()),
                "lower the learning rates, and resume from the last good checkpoint",
            )
        self.update_count += 1
        for hook in self.update_hooks:
            hook(self.update_count, figures)
        self.stop_if_due()

    def agree(self, figures: Figures) -> Figures:
        """What all ranks say together at the end of an update, in one message.

        Any rank's request to stop becomes that of all: at the same update, as a rank that stopped
        alone would leave the others waiting. Statistics of batches and whatever else training moves
        beside parameters become their mean, so that every rank has the same network. Slow copies
        are averages already, of which the mean may be taken as well afterwards.

        Args:
            figures: Scalars, by the same names on every rank.

        Returns:
            Their means.
        """
        if rank_count() == 1:
            return figures
        stop = torch.tensor(float(self.stop_requested), device=self.device)
        means = {name: value.detach().clone() for name, value in figures.items()}
        average([*means.values(), stop, *self._moving])
        self._agreed_to_stop |= bool(stop > 0)
        return means

    def moving_buffers(self) -> list[Tensor]:
        """Floating-point buffers of networks that learn, and of their slow copies."""
        parameters = {name for name, _ in self.named_parameters()}
        return [
            tensor for name, tensor in self.state_dict(keep_vars=True).items()
            if name not in parameters and tensor.is_floating_point()
        ]  # fmt: skip

    def stop_if_due(self) -> None:
        """Ask the trainer to stop when the budget is spent or a stop was requested."""
        if self.finished or self.stopping:
            self.trainer.should_stop = True

    def geometry(self) -> dict[str, Any]:
        """What a checkpoint and this module must agree on before one is loaded into the other."""
        return {}

    def training_state(self) -> dict[str, Any]:
        """What learns or draws and is no parameter, as values that load safely."""
        return {}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take back what `training_state` returned, once the module is on its device."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add counters and every random state."""
        checkpoint["impasto"] = {
            "update_count": self.update_count,
            "geometry": self.geometry(),
            "random": get_random_state(),
            "state": self.training_state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint fits, and take the counter; the rest waits for the device.

        Raises:
            UserError: It was saved by another kind of run, or for other strokes or canvases.
        """
        if "impasto" not in checkpoint:
            raise UserError("the checkpoint was not written by this project", "resume another one")
        saved, here = checkpoint["impasto"]["geometry"], self.geometry()
        for key in sorted(saved.keys() | here.keys()):
            if saved.get(key) != here.get(key):
                raise UserError(
                    f"the checkpoint has {key} {saved.get(key)}, this run has {here.get(key)}",
                    f"resume with {key} {saved.get(key)}, or start a new run",
                )
        self._restored = checkpoint["impasto"]
        self.update_count = checkpoint["impasto"]["update_count"]

    def on_train_start(self) -> None:
        """Take back what waited for the device."""
        self._moving = self.moving_buffers()
        if self._restored is None and self.global_rank:
            seed_globals(self.rank_seed)  # rank 0 goes on as a run of one rank would
        if self._restored is not None:
            restored, self._restored = self._restored, None
            self.load_training_state(restored["state"])
            set_random_state(restored["random"])
        self.stop_if_due()
