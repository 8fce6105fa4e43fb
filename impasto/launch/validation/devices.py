"""Number of processes of a run, and checks of it."""

from collections.abc import Sequence
from typing import cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from impasto.bounds import Count, fits, misfit
from impasto.errors import UserError
from impasto.launch.validation.numbers import select
from impasto.runtime.ranks import AssignedRank, assigned_rank

_STRATEGY = "lightning_modules.RankStrategy"
_ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
_AUTO = ("auto", -1)


def check_arguments(arguments: Sequence[str], multirun: bool) -> None:
    """Check that processes which torchrun or Slurm started agree on where they write.

    Raises:
        UserError: They are a sweep, or each would name a folder of its own by its clock.
    """
    place = assigned_rank()
    if place is None or place.world == 1:
        return
    if multirun:
        raise UserError(
            f"a sweep (-m) was started by {place.starter} in {place.world} processes",
            f"start it without {place.starter}: trainer.devices=N starts the processes of each job",
        )
    if not any(word.startswith("hydra.run.dir=") for word in arguments):
        raise UserError(
            f"{place.starter} started {place.world} processes, and hydra.run.dir is not given",
            "add hydra.run.dir=FOLDER, the same for all of them",
        )


def check_ranks(cfg: DictConfig) -> None:
    """Check the trainer's processes, and put numbers for what is `auto`.

    Args:
        cfg: The composed config; `trainer.devices` and `trainer.accelerator` may be changed.

    Raises:
        UserError: The number is none, there are not as many devices, the task doesn't train, or
            what started this process says otherwise.
    """
    place = assigned_rank()
    devices = select(cfg, "trainer.devices")
    if not _is_spread(cfg):
        _check_single(cfg, devices, place)
        return
    if "trainer" not in cfg.task.call:
        raise UserError(
            f"trainer=ddp is of no use: task={_choice(cfg, 'task')} doesn't train",
            "leave it out, or give trainer=gpu for where to work",
        )
    if isinstance(interval := select(cfg, "trainer.val_check_interval"), str):
        raise UserError(
            f"trainer.val_check_interval={interval} with trainer=ddp, of whose processes each has "
            "a clock of its own",
            "give a number of updates, or a share of the run such as 0.25",
        )
    _pick_accelerator(cfg)
    count = _device_count(cfg, devices)
    nodes = _counted("trainer.num_nodes", select(cfg, "trainer.num_nodes"))
    OmegaConf.update(cfg, "trainer.devices", count)
    if place is None and nodes > 1:
        raise UserError(
            f"trainer.num_nodes={nodes}, and this process was started alone",
            f"on every machine run torchrun --nnodes={nodes} --nproc-per-node={count} "
            "--rdzv-backend=c10d --rdzv-endpoint=FIRST_MACHINE:29500 run.py with these arguments "
            "and hydra.run.dir=FOLDER, or srun under Slurm",
        )
    if place is not None and place.world != nodes * count:
        raise UserError(
            f"{place.starter} started {place.world} processes, and trainer.num_nodes={nodes} times "
            f"trainer.devices={count} is {nodes * count}",
            "make them equal; trainer.devices is the number on one machine",
        )


def rank_count(cfg: DictConfig) -> int:
    """Return the number of processes on this machine that a checked config asks for."""
    return int(cfg.trainer.devices) if _is_spread(cfg) else 1


def _is_spread(cfg: DictConfig) -> bool:
    strategy = select(cfg, "trainer.strategy")
    return isinstance(strategy, DictConfig) and strategy.get("_target_") == _STRATEGY


def _check_single(cfg: DictConfig, devices: object, place: AssignedRank | None) -> None:
    if devices not in (None, 1, "1"):
        several = isinstance(devices, int) and devices > 1
        raise UserError(
            f"trainer.devices={devices} with trainer={_choice(cfg, 'trainer')}, which is one "
            "process",
            f"give trainer=ddp trainer.devices={devices}" if several else "leave it out",
        )
    if place is not None and place.world > 1:
        raise UserError(
            f"{place.starter} started {place.world} processes, and trainer="
            f"{_choice(cfg, 'trainer')} is one",
            "give trainer=ddp, or start run.py by itself",
        )


def _pick_accelerator(cfg: DictConfig) -> None:
    """Put cpu or gpu for auto."""
    name = str(select(cfg, "trainer.accelerator"))
    if name not in _ACCELERATORS:
        todo = "give trainer.accelerator=gpu or trainer.accelerator=cpu"
        raise UserError(f"trainer.accelerator={name} can't be used by trainer=ddp", todo)
    if name == "auto":
        OmegaConf.update(cfg, "trainer.accelerator", "gpu" if _gpus() else "cpu")


def _device_count(cfg: DictConfig, devices: object) -> int:
    gpu = cfg.trainer.accelerator != "cpu"
    if devices in _AUTO:
        if not gpu:
            todo = "give their number, such as trainer.devices=2"
            raise UserError("trainer=ddp doesn't know how many processes to use on a CPU", todo)
        devices = _gpus()
    if gpu and not _gpus():
        todo = (
            "give trainer.accelerator=cpu, or install a torch that finds it (nvidia-smi shows it)"
        )
        raise UserError("trainer.accelerator=gpu, and torch finds no GPU", todo)
    count = _counted("trainer.devices", devices)
    if gpu and count > _gpus():
        raise UserError(
            f"trainer.devices={count}, and this machine has {_gpus()} GPU(s)",
            f"give at most trainer.devices={_gpus()}, or trainer.accelerator=cpu",
        )
    return count


def _counted(key: str, value: object) -> int:
    if not fits(value, Count):
        raise misfit(key, value, Count)
    return cast(int, value)


def _gpus() -> int:
    import torch  # takes seconds, which other trainers need not wait

    return torch.cuda.device_count()


def _choice(cfg: DictConfig, group: str) -> str:
    """Return the choice that was made from a group."""
    hydra = cfg.get("hydra") or HydraConfig.get()
    return str(hydra.runtime.choices[group])
