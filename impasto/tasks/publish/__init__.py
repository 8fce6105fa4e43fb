"""Weights for others: exported, imported, with a card."""
