"""Charts of runs.

gantt         `gantt`: what runs did and when, and the texts around it
_items        what is drawn: steps, questions and the critical path, and which of them have a row
_rows         what stands in the rows: texts and marks
_layout       where all this stands, on the time axis and in pixels: a `Chart`
look          how marks look; lines of text, measured, cut and wrapped
svg           a chart as a static SVG
figure        a chart as plotly's figure, with the picture and a sentence beside it

`runkit.gantt(f)` is a chart of one run, of two, or of many:

1. `gantt` takes the runs in their order, chooses those that have a row, and writes the title.
2. `_items` makes a table of their steps and questions, and of the stretches of critical paths; it
   chooses the rows.
3. `_rows` writes the labels and texts of rows, and makes the table of marks.
4. `_layout` folds the waits, and places rows and marks in a `Chart`, which `figure` and `svg` draw.
5. In a notebook, `RunFigure` shows plotly's figure, and the picture for exports.
"""
