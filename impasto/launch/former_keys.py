"""Keys of the config in version 0.1, which checkpoints still hold."""

from impasto.persistence.former_paths import replace_prefix

_FORMER_KEYS = {
    "data.strokes": "painting.strokes",
    "renderer.learning": "task.module",
    "renderer.learning.optimizer": "task.optimizer",
    "task.call.module": "task.module",
}


def current_key(key: str) -> str:
    """Return the key of the config under which a value is found today.

    >>> current_key("renderer.learning.critic_updates")
    'task.module.critic_updates'
    """
    return replace_prefix(key, _FORMER_KEYS)
