"""Ray's launcher, whose Ray leaves the signals to the sweep.

Hydra's search for plugins leaves this module out by its underscore: it needs Ray.
"""

import signal
from collections.abc import Sequence
from contextlib import suppress

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_ray_launcher._launcher_util import start_ray
from hydra_plugins.hydra_ray_launcher.ray_launcher import RayLauncher


class SignallessLauncher(RayLauncher):
    """Launcher that starts Ray before the jobs, and restores the SIGTERM handler that Ray replaces.

    With Ray's own the sweep would exit, and Ray kill the jobs, before they have saved themselves.
    """

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs to their ends."""
        ours = signal.getsignal(signal.SIGTERM)
        self.ray_cfg.init.setdefault("object_store_memory", None)
        start_ray(self.ray_cfg.init)
        with suppress(ValueError):  # not the main thread: there Ray leaves the handler alone
            signal.signal(signal.SIGTERM, ours)
        returns: Sequence[JobReturn] = super().launch(job_overrides, initial_job_idx)
        return returns
