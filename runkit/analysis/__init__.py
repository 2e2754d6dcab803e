"""Analyses of many runs.

search        `search`: where a text is in runs
changes       `changes`: what has changed between two states of some runs
_differences  what differs between them, and what cannot be compared
decisions     `decisions`: how reviewers decide, and how long questions wait
"""
