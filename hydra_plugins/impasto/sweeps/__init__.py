"""Sweeps and searches: their folders, how they go on, and what launches their jobs."""
