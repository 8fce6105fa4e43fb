"""Ranks, the processes of one run: what a process finds in its environment about them."""

import os
from typing import NamedTuple

STARTED_BY_US = "IMPASTO_RANKS"
"""Set in the environment of ranks that were started for this job, and not by torchrun or Slurm."""

LOST = "lost"
"""A key of the store at which ranks meet, set when one of them died."""

_SHELLS = ("bash", "interactive")  # by which Lightning, too, knows a session at a prompt


class AssignedRank(NamedTuple):
    """Rank that torchrun or Slurm has given this process.

    Attributes:
        starter: Its name.
        rank: Which process this is, of all.
        world: How many it started, on all machines.
    """

    starter: str
    rank: int
    world: int


def assigned_rank() -> AssignedRank | None:
    """The place that torchrun or Slurm gave this process; None if a person started it alone."""
    env = os.environ
    if "TORCHELASTIC_RUN_ID" in env:
        return AssignedRank("torchrun", int(env["RANK"]), int(env["WORLD_SIZE"]))
    count = int(env.get("SLURM_NTASKS", "1"))
    # A batch script has a rank of its own in the environment, too, but is no step of the job.
    step = "SLURM_STEP_ID" in env and "SLURM_PROCID" in env
    if count > 1 and step and env.get("SLURM_JOB_NAME") not in _SHELLS:
        return AssignedRank("srun", int(env["SLURM_PROCID"]), count)
    return None


def is_rank_zero() -> bool:
    """Return True if this process writes, reports and measures: it is rank 0, or no rank at all."""
    place = assigned_rank()
    return place is None or place.rank == 0
