"""Runs at rest: one Delta table of raw runs, on one machine or many."""
