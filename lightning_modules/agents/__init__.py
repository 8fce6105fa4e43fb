"""Agents that learn to paint, one file each."""
