"""Analyses of many runs: search, changes, actions and decisions."""
