"""Runs at rest: one Delta table of raw runs, on one machine or many.

archive       `Archive`: runs on disk, with the methods of those in memory
table         `Table`: the Delta table; the only file that needs `deltalake`
_writing      writes runs, except those that the table has already
sync          updates an archive from the API
_dask         the six frames as Dask DataFrames; the only file that needs `dask`
"""
