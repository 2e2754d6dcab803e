"""The command line: `runkit`.

cli      the commands
_demo    eight runs on the embedded sandbox, and what an analyst sees of their runs
"""
