"""Collector of an agent's experience: rollouts of the actor, from targets to the replay."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.canvas import to_uint8
from impasto.errors import UserError
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.exploration import Exploration, NoExploration
from impasto.rl.initial_states import Start
from impasto.rl.policy import PaintingPolicy
from impasto.rl.replay import ReplayBuffer
from impasto.rl.replay.files import load_tensors, save_tensors
from impasto.runtime.memory import check_count


class Collector:
    """Collects episodes: those that fill the replay at first, later one for every N updates.

    Args:
        environment: Where rollouts paint.
        replay: Keeps them.
        every: N.
        warmup_env_steps: Environment steps (of a whole batch of canvases) before the first update.
        exploration: How rollouts depart from the actor; not at all by default.
        start: Where rollouts begin; on blank canvases by default.

    Attributes:
        rollout_count: Rollouts made.
        refill_rollouts: Those of them that fill the replay anew, where it was not saved.

    Raises:
        UserError: `start` is none; the replay doesn't fit into memory.
    """

    def __init__(
        self,
        environment: PaintingEnvironment,
        replay: ReplayBuffer,
        every: int,
        warmup_env_steps: int,
        exploration: Exploration | None = None,
        start: Start | None = None,
    ) -> None:
        if start is not None and not callable(start):
            todo = "give a `ContinuedStart`"
            raise UserError(f"`start` is {start}, which begins no rollout", todo)
        steps = environment.max_steps
        if replay.device in (None, "cpu") and not torch.accelerator.is_available():
            pictures = 3 * environment.renderer.canvas_size**2 * (steps + 2)
            check_count("episodes", replay.episodes, pictures + 4 * environment.action_dim * steps)
        self.environment = environment
        self.replay = replay
        self.every = every
        self.warmup_rollouts = -(-warmup_env_steps // steps)
        self.exploration = exploration or NoExploration()
        self.start = start
        self.rollout_count = 0
        self.refill_rollouts = 0
        self._saved: tuple[Any, dict[str, str]] | None = None

    def due(self, update_count: int) -> int:
        """Return the number of rollouts that the next update waits for."""
        groups = update_count // self.every + 1
        due = self.warmup_rollouts + self.refill_rollouts + groups - self.rollout_count
        return max(due, 0 if len(self.replay) else 1)  # none is left where it was not saved

    @torch.no_grad()
    def rollout(self, policy: PaintingPolicy, target: Tensor, generator: torch.Generator) -> None:
        """Paint targets (B, 3, N, N) by the exploration's behaviour, and add them to the replay."""
        policy.actor.eval()
        if self.start is None:
            state = self.environment.reset(policy.seen(target))
        else:
            # Compiled networks would be compiled anew for every number of squares, or given up.
            with torch.compiler.set_stance("force_eager"):
                state = self.start(policy, target, generator)
        behave = self.exploration.begin(policy.actor, generator)
        # As bytes at once: a quarter of what an episode's floats would take.
        canvases, actions = [to_uint8(state.canvas)], []
        for _ in range(self.environment.max_steps):
            action = behave(self.environment.observe(state))
            state = self.environment.step(state, action)
            canvases.append(to_uint8(state.canvas))
            actions.append(action)
        self.exploration.end()
        policy.actor.train()
        self.replay.add(state.target, torch.stack(canvases, dim=1), torch.stack(actions, dim=1))
        self.rollout_count += 1

    # ---- resume

    def state_dict(self) -> dict[str, Any]:
        """Return counts of rollouts, replay without its pictures, and exploration."""
        return {
            "rollout_count": self.rollout_count,
            "refill_rollouts": self.refill_rollouts,
            "replay": self.replay.state_dict(),
            "exploration": self.exploration.state_dict(),
        }

    def load_state_dict(
        self, state: dict[str, Any], replay: Path | None, device: torch.device
    ) -> bool:
        """Load what `state_dict` returned, and the replay.

        Args:
            state: From `state_dict`.
            replay: What `save_replay` wrote. None if it wrote nothing: then as many rollouts are
                due before the next update as before the first.
            device: Where the replay is kept, if it says nothing else.

        Returns:
            Whether the replay is what it was.
        """
        self.rollout_count = state["rollout_count"]
        self.refill_rollouts = state["refill_rollouts"]
        self.exploration.load_state_dict(state["exploration"])
        if replay is None:
            filled = self.warmup_rollouts + self.refill_rollouts
            self.refill_rollouts = min(self.rollout_count, filled)
        else:
            load_tensors(replay, partial(self.replay.claim, state=state["replay"], device=device))
        return replay is not None

    def save_replay(self, folder: Path, update_count: int, rank: int) -> dict[str, str] | None:
        """Write the replay, unless it lies there already, or is not to be saved.

        Returns:
            ``file``, its name, and ``sha256``; None if there is nothing to write.
        """
        if not self.replay.save:
            return None
        # Nothing else changes a replay; so a checkpoint at the same point shares the file.
        point = (folder, update_count, self.rollout_count)
        if self._saved is None or self._saved[0] != point:
            name = f"replay-{update_count}-{rank}.safetensors"
            self._saved = point, save_tensors(self.replay.tensors(), folder / name)
        return self._saved[1]
