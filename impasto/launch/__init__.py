"""The command line around Hydra: compose, validate, run a task, report its outcome."""
