"""Timed functions, for pytest-benchmark: ``make bench`` runs them (docs/performance.md)."""
