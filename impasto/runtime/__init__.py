"""The process that the code runs in: memory, precision, random state, signals."""
