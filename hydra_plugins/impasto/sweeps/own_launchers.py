"""Precedence of the project's YAML files for launchers over what the launchers' packages register.

Hydra would hold such a file to the schema in its store, with a warning, and so keep it from setting
anything but the launcher itself.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from impasto.launch.sweeps.running import forget_schemas


class OwnLaunchers(SearchPathPlugin):
    """Search-path plugin that removes the schemas before this process composes anything."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Leave the search path as it is; Hydra calls this whenever it looks for configs."""
        forget_schemas()
