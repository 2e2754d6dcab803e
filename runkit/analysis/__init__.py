"""Analyses of many runs.

search        `search`: where a text is in runs
changes       `changes`: what has changed between two states of some runs
compare       `compare`: two runs, step by step
decisions     `decisions`: what reviewers decided, and how long questions waited
"""
