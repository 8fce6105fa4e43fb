"""Which signals ask a run to save itself and stop."""

import os
import signal

# Where submitit started the process, the signal that it handles itself; USR2 if it isn't said.
_OF_SUBMITIT = "SUBMITIT_PREEMPT_SIGNAL"


def stop_signals() -> list[signal.Signals]:
    """SIGTERM, and SIGUSR1, which Slurm sends before the time is up (``#SBATCH --signal=USR1@90``).

    By default SIGUSR1 ends a process without a word. Where submitit handles it, it is left alone.
    Ctrl-C is not among them: Python has it raise an exception anyway.
    """
    if os.environ.get(_OF_SUBMITIT, "").removeprefix("SIG") == "USR1":
        return [signal.SIGTERM]
    return [signal.SIGTERM, signal.SIGUSR1]
