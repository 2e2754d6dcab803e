"""Runs as linked DataFrames: `runkit.frames`, `runkit.Frames`, `runkit.compare`.

read_frames     `frames`: any source of runs becomes six DataFrames
sources         raw runs, one at a time, with their location in a file
flatten         one walk over each run: the rows of the frames, still as JSON objects
questions       the questions of a run: items and steps that are one question are one row
columns         the columns that are fields of the JSON, and the newest state of each run
checks          what disagrees in these columns, and unknown words
derive          what follows from them, whatever the time is
measure         what is counted up to `as_of`: lengths, the time budget, the critical path
arrow_columns   columns as Arrow and numpy arrays, and the dtypes of the frames
problems        the problems frame
schema          every column with its dtype, unit and meaning
frames          the class `Frames`
run_rules       the rules of a run: what is a finding, why it failed, where its time went
compare         `compare`: two runs, step by step
answers         answers of a log or a table, where the data has none
_business_names  businesses of runs, from a client or a table
_saved          frames in a folder of Parquet files
_excel          frames in a workbook

`runkit.frames(path)`:

1. `read_frames` reads in batches; `sources` yields raw runs, each with its location in the file.
2. `flatten` checks each with `api/validation` by the annotations of `Run`, and walks over it once:
   steps in tree order, questions, artifacts, sources. What is wrong is a row of `problems`.
3. `columns` makes Arrow columns of each batch; older states of runs are dropped at the end.
4. `checks` finds what disagrees, `derive` adds what follows from the columns.
5. `read_frames` sets the clock, `measure` counts everything open to it, once.
"""
