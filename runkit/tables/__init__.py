"""Runs as linked DataFrames: `runkit.frames`, `runkit.Frames`, `runkit.compare`.

read_frames     `frames`: any source of runs becomes six DataFrames
sources         raw runs, one at a time, with their location in a file
flatten         one walk over each run: the rows of the frames, still as JSON objects
build_columns   the columns of these rows
arrow_columns   columns as Arrow and numpy arrays, and their dtypes
problems        the problems frame
schema          every column with its dtype, unit and meaning
frames          the class `Frames`
run_rules       the rules of a run: what is a finding, what waits and for how long, why it failed
compare         `compare`: two runs, step by step
audit_trail     answers beside the questions
_business_names  businesses of runs, from a client or a table
_saved          frames in a folder of Parquet files
_excel          frames in a workbook

`runkit.frames(path)`:

1. `arguments` checks the call by its annotations; `read_frames` reads in batches.
2. `sources` yields raw runs, each with its location in the file.
3. `api/validation` checks each by the annotations of `Run`, and takes out what is odd.
4. `flatten` walks over a run once: steps in tree order, questions paired with their steps,
   artifacts, sources. What is wrong is a `Note`; `problems` makes rows of them once per batch.
5. `build_columns` makes Arrow columns of the rows, and adds what is measured and
   counted, and splits each run's time into work, waits and idle time (`time_budget`).
6. `read_frames` keeps the newest copy of each run and returns `Frames`.
"""
