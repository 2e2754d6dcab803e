"""Analyses of many runs.

search        `search`: where a text is in runs
compare       `compare`: two runs, step by step; `changes`: two states of some runs
decisions     `decisions`: what reviewers decided, and how long questions waited
"""
