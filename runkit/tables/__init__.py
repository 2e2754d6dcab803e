"""Runs as linked DataFrames: `runkit.frames`, `runkit.Frames`.

`runkit.frames(path)` goes through these, each of which adds to what the one before it made:

sources      raw runs, one at a time, each with its location in the file
flatten      each run is checked; its steps, questions, artifacts and sources as rows of JSON
columns      the fields of each batch of rows as Arrow columns; the newest state of each run
derive       the columns that follow from these at any time; what disagrees is a problem
measure      the clock, and what is counted to it: lengths, waits, time budget, critical path

Around them:

read_frames  `frames`, which calls them in this order; `businesses=` and `answers=`
schema       every column with its dtype, unit and meaning; frames in a folder of Parquet files
frames       the class `Frames`, also as a workbook
"""
