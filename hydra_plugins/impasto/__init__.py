"""Layer between the command line and the tasks: arguments, checks, resuming, the summary.

Hydra imports every module here when it looks for plugins, so an import does nothing and is quick.
"""
