"""Runs side by side: reading their folders, grouping them into variants, judging, reporting."""
