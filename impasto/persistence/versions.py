"""Versions of the packages that a run's numbers depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("torch", "pytorch-lightning", "numpy", "impasto")


def versions() -> dict[str, str]:
    """Return the versions of Python and the installed packages, without importing them."""
    by_name = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            by_name[package] = version(package)
        except PackageNotFoundError:  # this project itself, run from where it lies
            continue
    return by_name
