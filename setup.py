"""Data of the package impasto in the wheel: the configs of conf/. All else: pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copy conf/ to impasto/conf; an editable install reads it where it lies."""

    def run(self) -> None:
        """Build as setuptools does, then copy."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "impasto" / "conf"
            shutil.copytree("conf", target, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
