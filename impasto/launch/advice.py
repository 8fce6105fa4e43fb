"""Errors of the library in terms of the command line.

The library names arguments and classes in backticks: `steps=0`, `OptimizePainter`. Here stands by
which key an argument is given, and what else a user of the command line can do; which choice makes
a class is found in conf/. What is not known stays as it is.
"""

import re
from functools import cache

from impasto.launch.compose import CONF, choices, groups

# An argument to its key.
ARGUMENTS = {
    "agent's weights": "agent.weights",
    "renderer's weights": "renderer.weights",
    # of a run
    "accelerator": "trainer.accelerator",
    "batch_size": "batch_size",
    "canvas_size": "canvas.size",
    "bundle": "bundle",
    "ckpt_path": "resume",
    "compiled": "compile",
    "detail": "detail",
    "precision": "precision",
    "quality": "quality",
    "seconds": "seconds",
    "seed": "seed",
    "size": "size",
    "strokes": "strokes",
    "monitor": "hydra.sweeper.monitor",
    # of data sets
    "cache": "data.cache",
    "crops": "data.crops",
    "eval_batch_size": "data.eval_batch_size",
    "hub_id": "data.hub_id",
    "num_workers": "data.num_workers",
    "pairs": "task.pairs",
    "pictures": "data.pictures",
    "protocol": "data.protocol",
    "root": "data.root",
    "shuffle_buffer": "data.shuffle_buffer",
    "split_seed": "data.split_seed",
    "streaming": "data.streaming",
    "test_limit": "data.test_limit",
    "train_limit": "data.train_limit",
    "val_limit": "data.val_limit",
    # of stroke kinds
    "brush": "stroke.brush",
    "control": "stroke.control",
    "grid": "stroke.grid",
    "image": "stroke.image",
    "invert": "stroke.invert",
    "levels": "stroke.levels",
    "lift": "stroke.lift",
    "lift_known": "stroke.lift_known",
    "max_length": "stroke.max_length",
    "max_opacity": "stroke.max_opacity",
    "max_width": "stroke.max_width",
    "opaque": "stroke.opaque",
    "palette": "stroke.palette",
    "rounded": "stroke.rounded",
    "stroke": "stroke",
    # of the painter by gradient descent
    "along": "painter.along",
    "divide": "painter.divide",
    "fit_every": "painter.fit_every",
    "focus": "painter.focus",
    "learning_rate": "painter.learning_rate",
    "longer": "painter.longer",
    "moved": "painter.moved",
    "moves": "painter.moves",
    "refine": "painter.refine",
    "steps": "painter.steps",
    "tries": "painter.tries",
    "work_size": "painter.work_size",
    # of agents, their rewards and replays, and of renderers
    "activation": "renderer.activation",
    "allow_untrained": "renderer.allow_untrained",
    "criterion": "task.loss",
    "episodes": "replay.episodes",
    "gumbel": "agent.gumbel",
    "min_size": "reward.min_size",
    "patches": "agent.patches",
    "start": "agent.start",
    # of pictures by a content or a class
    "classifiers": "classifiers",
    "held_out": "held_out",
    "goal": "goal",
    "lpips": "lpips",
    "reader": "reader",
    "overlap": "grid.overlap",
}
# What has arguments of its own: `actor.norm` is agent.actor.norm, `Views.count` is views.count.
SECTIONS = {
    "actor": "agent.actor",
    "actor_optimizer": "agent.actor_optimizer",
    "critic": "agent.critic",
    "critic_optimizer": "agent.critic_optimizer",
    "features": "features",
    "parts": "reward.parts",
    "reward_optimizer": "agent.reward_optimizer",
    "ContinuedStart": "agent.start",
    "Descent": "descent",
    "GanRendererModule": "task.module",
    "RendererModule": "task",
    "VaeRendererModule": "task.module",
    "Views": "views",
}
# Advice that is another one here: the library's, as a pattern, to that of the command line.
ADVICE = {
    r"choose another folder(?=; what was saved)": "choose another folder by hydra.run.dir=FOLDER",
    r"a run can go on from its last checkpoint": "a run is gone on with by resume=auto",
    r"those of a pretraining run": "those of a task=pretrain run",
    r"a folder that training exported": "a folder that task=train exported",
    r"a folder that pretraining exported": "a folder that task=pretrain exported",
    r"the folder of a trained classifier": "a folder of task=train_classifier",
    r"pretrain a renderer of (`\w+`), and choose that": r"let task=pretrain \1 learn it, and give "
    "renderer=neural renderer.weights=…",
    r"a renderer of (`\w+`), and paint through that, or by an agent that learned with it": (
        r"a renderer of it, and paint through that: by task=stylize \1 renderer=neural "
        "renderer.weights=..., or by an agent that learned with it, painter=agent agent.weights=..."
    ),
    r"learn a painter of it, and": "learn a painter of it by task=pretrain, and",
    r"such as `Bezier` with `(\w+)`": r"such as `Bezier` `\1=...`",
    r"add (?=`WeightedReward\.weights)": "add +",
    r"add `parts\.(\w+)`": r"add +reward@reward.parts.\1=l2",
    r"(?<=`parts` is empty — )add one": "add one by +reward@reward.parts.NAME=l2",
    r"give a `ContinuedStart`": (
        "add +agent.start._target_=impasto.rl.initial_states.ContinuedStart"
    ),
}
_TARGET = re.compile(
    r"^(?:data:\n  )?_target_: (?!pytorch_lightning)[\w.]*?\.([A-Z]\w*)", re.MULTILINE
)
_MENTION = re.compile(r"(the (?:agent|renderer)'s )?`([^`=]+)(=[^`]*)?`")


def in_keys(text: str) -> str:
    """Translate an error of the library into keys and choices of the command line."""
    for said, here in ADVICE.items():
        text = re.sub(said, here, text)
    return _MENTION.sub(_mention_in_keys, text)


def _mention_in_keys(mention: re.Match[str]) -> str:
    whose, name, value = (group or "" for group in mention.groups())
    if whose and (key := key_of(whose.removeprefix("the ") + name)):
        return f"{key}{value}"
    key = key_of(name)
    return mention[0] if key is None else f"{whose}{key}{value}"


def key_of(name: str) -> str | None:
    """Return the key or the choice that gives an argument or a class; None if none is known."""
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    first, dot, rest = name.partition(".")
    if first in SECTIONS:
        return f"{SECTIONS[first]}{dot}{rest}"
    made = choice_of_class().get(first)
    if made is None or not dot:
        return made
    group, _, choice = made.partition("=")
    return f"{group}.{choice}.{rest}" if group == "export" else f"{group}.{rest}"


@cache
def choice_of_class() -> dict[str, str]:
    """Every class of the project's to the choice that makes it, as the files of the groups say."""
    found: dict[str, str] = {}
    for group in groups(CONF):
        for choice in choices(CONF, group):
            text = (CONF / group / f"{choice}.yaml").read_text(encoding="utf-8")
            if target := _TARGET.search(text):
                found.setdefault(target[1], f"{group}={choice}")
    return found
