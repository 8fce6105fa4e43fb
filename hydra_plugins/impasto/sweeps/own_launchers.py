"""Precedence of the project's YAML files for launchers over what the launchers' packages register.

Hydra would hold such a file to the schema in its store, with a warning, and so keep it from setting
anything but the launcher itself.
"""

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig

from impasto.launch.compose import CONF


class OwnLaunchers(SearchPathPlugin):
    """Search-path plugin that removes the schemas before this process composes anything."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Leave the search path as it is; Hydra calls this whenever it looks for configs."""
        forget_schemas()


class OwnLoader(ConfigLoaderImpl):
    """Config loader that removes them in a worker too, where Hydra has looked for plugins again."""

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """Compose the config of one job."""
        forget_schemas()
        return super().load_sweep_config(master_config, sweep_overrides)


def forget_schemas() -> None:
    """Remove from Hydra's store what ``conf/hydra/launcher/`` has a file of the same name for."""
    stored = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    for path in (CONF / "hydra" / "launcher").glob("*.yaml"):
        stored.pop(path.name, None)
