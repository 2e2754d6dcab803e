"""Runs as linked DataFrames: `runkit.frames`, `runkit.Frames`.

read_frames    `frames`: any source of runs becomes six DataFrames; the businesses of runs
sources        raw runs, one at a time, with their location in a file
flatten        one walk over each run: the rows of the frames as JSON objects, and of problems
question_rows  the questions of a run: items and steps that are one question are one row; answers
columns        the columns that are fields of the JSON, and the newest state of each run
derive         what follows from them, whatever the time is, and what disagrees
measure        `as_of`, and what is counted up to it: lengths, the time budget, the critical path
schema         every column with its dtype, unit and meaning; frames in a folder of Parquet files
frames         the class `Frames`, also as a workbook

`runkit.frames(path)`:

1. `read_frames` reads in batches; `sources` yields raw runs, each with its location in the file.
2. `flatten` checks each with `api/views` by the annotations of `Run`, and walks over it once:
   steps in tree order, questions, artifacts, sources. What is wrong is a row of `problems`.
3. `columns` makes Arrow columns of each batch; older states of runs are dropped at the end.
4. `derive` finds what disagrees, and adds what follows from the columns.
5. `measure` sets the clock, and counts everything open to it, once.
"""
