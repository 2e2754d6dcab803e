"""Runs as linked DataFrames: `runkit.frames`, `runkit.compare`."""
