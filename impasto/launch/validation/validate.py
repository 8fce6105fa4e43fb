"""Validation of a composed config: once for a run, once for every job of a sweep."""

from omegaconf import DictConfig

from impasto.launch.validation.devices import check_ranks
from impasto.launch.validation.knobs import check


def validate(cfg: DictConfig) -> None:
    """Check a config before anything is built or written.

    Args:
        cfg: A composed config with its `hydra` section; whole floats (1e4) become integers, and
            `auto` devices their number.

    Raises:
        UserError: Something in it is wrong.
    """
    check(cfg)
    check_ranks(cfg)
