"""Files that are whole or not there: checkpoints, exported weights, locks."""
