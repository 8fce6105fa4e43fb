"""Signals that ask a run to save itself and stop."""

import os
import signal

# Where submitit started the process, the signal that it handles itself; USR2 if it isn't said.
_OF_SUBMITIT = "SUBMITIT_PREEMPT_SIGNAL"


def stop_signals() -> list[signal.Signals]:
    """Return SIGTERM, SIGHUP (a closed terminal) and SIGUSR1 (Slurm, before the time is up).

    By default SIGUSR1 (``#SBATCH --signal=USR1@90``) ends a process without a word, and so does
    SIGHUP. One that submitit handles is left alone, and SIGHUP where whoever started the process
    has it ignored, as `nohup` does. Ctrl-C is not among them: Python has it raise an exception
    anyway.
    """
    theirs = os.environ.get(_OF_SUBMITIT, "").removeprefix("SIG")
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    further = [signal.SIGUSR1] if ignored else [signal.SIGHUP, signal.SIGUSR1]
    return [signal.SIGTERM, *(number for number in further if number.name != f"SIG{theirs}")]
