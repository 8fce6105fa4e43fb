"""Every kind of fault; `KINDS` names them."""

from tests.chaos.faults import disks, endings, files, signals
from tests.chaos.faults.base import KINDS, Fault, Missed

__all__ = ["KINDS", "Fault", "Missed", "disks", "endings", "files", "signals"]
