"""Analyses of many runs: who approved which action, how reviewers decide; and exports to trace viewers."""
