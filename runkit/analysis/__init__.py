"""Analyses of many runs.

search        `search`: where a text is in runs
changes       `changes`: what has changed between two states of some runs
_differences  what differs between them, and what cannot be compared
actions       `actions`: who approved which action, with which effect
_proposals    what agents propose, and which actions followed
decisions     `decisions`: how reviewers decide, and how long questions wait
"""
