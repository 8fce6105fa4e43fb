"""Figures of agents and painters on held-out pictures."""
