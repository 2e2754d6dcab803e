"""Analyses of many runs.

search        `search`: where a text is in runs
changes       `changes`: what has changed between two states of some runs
actions       `actions`: who approved which action, with which effect
_proposals    what agents propose, and which actions followed
decisions     `decisions`: what reviewers decided, and how long questions waited
"""
