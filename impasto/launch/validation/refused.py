"""Keys and callbacks that other projects have and a run of this one can't take, with the reasons.

Networks step by themselves in an update, and the run's length has one key, `updates`. What of
Lightning's steps for the networks, or says another length, is refused before anything begins; and
so are keys by which others name what has another name here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig, OmegaConf

from impasto.errors import UserError, as_typed


class Refusal(NamedTuple):
    """Reason to refuse a key, and advice.

    Attributes:
        why: What is wrong with it.
        todo: What to do about it.
        harmless: Values with which it does nothing.
    """

    why: str
    todo: str
    harmless: tuple[object, ...] = ()


_STEPS = "networks step by themselves here, and Lightning's way of it would reach none"
_ELSEWHERE = "a run goes on with a checkpoint by another key"
_RESUME = "give resume=FILE, resume=FOLDER or resume=auto"

_KEYS = {
    "trainer.max_steps": Refusal(
        "the number of a run's updates has another key",
        "leave it -1, and give updates=NUMBER",
        (-1,),
    ),
    "trainer.barebones": Refusal(
        "a run without figures has no best checkpoint", "leave it out", (None, False)
    ),
    "trainer.accumulate_grad_batches": Refusal(_STEPS, "leave it out, and give batch_size", (1,)),
    "trainer.gradient_clip_val": Refusal(
        _STEPS, "leave it out, and lower the learning rates if losses explode", (None, 0, 0.0)
    ),
    "trainer.gradient_clip_algorithm": Refusal(_STEPS, "leave it out", (None,)),
    **{
        f"{place}{name}": Refusal(_ELSEWHERE, _RESUME)
        for place in ("", "trainer.", "task.")
        for name in ("ckpt_path", "resume_from_checkpoint")
    },
    "run.checkpoint": Refusal(_ELSEWHERE, _RESUME, (None,)),
    "task.call.ckpt_path": Refusal(_ELSEWHERE, _RESUME, (None,)),
    "hydra.sweeper.direction": Refusal(
        "a search always looks for the lowest value",
        "leave it out, and say what is to be low by hydra.sweeper.objective=KEY of summary.json",
    ),
}

# By the last part of the class's name, as a class has several names that lead to it.
_CALLBACKS = {
    "BatchSizeFinder": Refusal("it would try other batches than the run's", "give batch_size"),
    "LearningRateFinder": Refusal(_STEPS, "give the optimizers' lr, or search for it by -m"),
    "GradientAccumulationScheduler": Refusal(_STEPS, "leave it out, and give batch_size"),
    "StochasticWeightAveraging": Refusal(_STEPS, "leave it out"),
    "SpikeDetection": Refusal(_STEPS, "leave it out: a loss that explodes ends the run anyway"),
}


_NO_ROLLOUTS = Refusal("it makes no rollouts that could explore", "choose exploration=none")
# Two choices that don't go together.
COMBINATIONS = {
    ("replay=prioritized", "agent=greedy"): Refusal(
        "it has no critic, whose errors are the priorities",
        "choose replay=uniform, or an agent with a critic",
    ),
    ("replay=prioritized", "agent=lstm_adversarial"): Refusal(
        "it keeps no replay", "choose replay=uniform, which it leaves empty"
    ),
    ("exploration=action_noise", "agent=lstm_adversarial"): _NO_ROLLOUTS,
    ("exploration=ornstein_uhlenbeck", "agent=lstm_adversarial"): _NO_ROLLOUTS,
    ("exploration=parameter_noise", "agent=lstm_adversarial"): _NO_ROLLOUTS,
}
# A choice, and the only one of another group that it goes with.
_ONLY = {
    ("preconditioning=digits", "agent=lstm_adversarial"): Refusal(
        "only this one learns strokes by hand",
        "add agent=lstm_adversarial, or leave preconditioning out",
    ),
}


def check_combinations(cfg: DictConfig) -> None:
    """Check that the choices go together; of a config that was composed with a `hydra` section.

    Raises:
        UserError: Two don't.
    """
    choices = OmegaConf.select(cfg, "hydra.runtime.choices") or {}
    made = {f"{group}={choice}" for group, choice in choices.items()}
    for table, there, goes in (
        (COMBINATIONS, True, "doesn't go with"),
        (_ONLY, False, "goes with nothing but"),
    ):
        for (one, other), refusal in table.items():
            if one in made and (other in made) == there:
                raise UserError(f"{one} {goes} {other}: {refusal.why}", refusal.todo)


def check_refused(cfg: DictConfig) -> None:
    """Check that a config has none of what is refused.

    Args:
        cfg: A composed config; with a `hydra` section, unless this is a job of Hydra.

    Raises:
        UserError: It has.
    """
    for key, refusal in _KEYS.items():
        parent, _, name = key.rpartition(".")
        section = OmegaConf.select(cfg, parent) if parent else cfg
        if not isinstance(section, DictConfig) or name not in section:
            continue
        value = OmegaConf.select(cfg, key)
        if not any(type(value) is type(one) and value == one for one in refusal.harmless):
            raise _error(key, value, refusal)
    for key, target in _callbacks(cfg):
        name = target.rpartition(".")[2]
        if name in _CALLBACKS:
            raise _error(key, target, _CALLBACKS[name])


def refused_key(key: str) -> UserError | None:
    """Return the error for a key that only other projects have; None for any other."""
    refusal = _KEYS.get(key)
    return None if refusal is None else UserError(f"{key}: {refusal.why}", refusal.todo)


def _error(key: str, value: object, refusal: Refusal) -> UserError:
    plain = OmegaConf.to_container(value) if isinstance(value, DictConfig | ListConfig) else value
    return UserError(f"{key}={as_typed(plain)}: {refusal.why}", refusal.todo)


def _callbacks(cfg: DictConfig) -> Iterator[tuple[str, str]]:
    """Every class that is named among the callbacks: its key and its name."""
    for place in ("callbacks", "trainer.callbacks"):
        nodes: Any = OmegaConf.select(cfg, place)
        if isinstance(nodes, DictConfig | ListConfig):
            names = nodes if isinstance(nodes, DictConfig) else range(len(nodes))
            for name in names:
                key = f"{place}.{name!s}._target_"
                target = OmegaConf.select(cfg, key)
                if isinstance(target, str):
                    yield key, target
