"""Paths of classes in version 0.1, which exported weights and checkpoints still name."""

from collections.abc import Mapping

# The longest that fits counts; what stands below it kept its name.
_FORMER = {
    "datamodules.celeba": "datamodules.sets.celeba",
    "datamodules.digits": "datamodules.sets.digits",
    "datamodules.imagenet": "datamodules.sets.imagenet",
    "datamodules.images": "datamodules.sets.images",
    "datamodules.leaves": "datamodules.sets.leaves",
    "datamodules.mnist": "datamodules.sets.mnist",
    "datamodules.photos": "datamodules.sets.photos",
    "datamodules.svhn": "datamodules.sets.svhn",
    "lightning_modules.ddpg": "lightning_modules.agents.ddpg",
    "lightning_modules.gan_renderer": "lightning_modules.renderers.gan",
    "lightning_modules.lstm_adversarial": "lightning_modules.agents.lstm_adversarial",
    "lightning_modules.model_based_ddpg": "lightning_modules.agents.model_based_ddpg",
    "lightning_modules.patch_q": "lightning_modules.agents.patch_q",
    "lightning_modules.quickening": "lightning_modules.acceleration",
    "lightning_modules.rank_strategy": "lightning_modules.distributed",
    "lightning_modules.renderer_module": "lightning_modules.renderers.base",
    "lightning_modules.short_horizon": "lightning_modules.agents.short_horizon",
    "lightning_modules.td3": "lightning_modules.agents.td3",
    "lightning_modules.vae_renderer": "lightning_modules.renderers.vae",
    "painting": "impasto",
    "painting.environment": "impasto.rl.environment",
    "painting.exploration": "impasto.rl.exploration",
    "painting.exporters": "impasto.io.exporters",
    "painting.painters.refined": "impasto.painters.agent",
    "painting.policy": "impasto.rl.policy",
    "painting.preconditioning": "impasto.rl.demonstrations",
    "painting.replay": "impasto.rl.replay",
    "painting.rewards": "impasto.rl.rewards",
    "painting.starts": "impasto.rl.initial_states",
    "painting.visualizing.content": "impasto.visualizing.content_loss",
    "painting.visualizing.grid": "impasto.visualizing.grid_canvas",
    "tasks": "impasto.tasks",
}


def current_path(path: str) -> str:
    """Return the path under which a class is found today.

    >>> current_path("painting.rewards.l2.L2Reward")
    'impasto.rl.rewards.l2.L2Reward'
    >>> current_path("torch.optim.Adam")
    'torch.optim.Adam'
    """
    return replace_prefix(path, _FORMER)


def replace_prefix(path: str, table: Mapping[str, str]) -> str:
    """Return a dotted path with the longest beginning that a table has replaced."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        former = ".".join(parts[:length])
        if former in table:
            return ".".join([table[former], *parts[length:]])
    return path
