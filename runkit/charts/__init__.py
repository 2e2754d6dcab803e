"""Charts of runs.

gantt         `gantt`: what runs did and when, and the texts around it
_items        what is drawn: steps, questions, the critical path, and the marks of each
_rows         which of them have a row, and the texts in it
_layout       where all this stands, on the time axis and in pixels: a `Chart`
look          how marks look; lines of text, measured, cut and wrapped
svg           a chart as a static SVG
figure        a chart as plotly's figure, with the picture and a sentence beside it

`runkit.gantt(f)` is a chart of one run, of two, or of many:

1. `gantt` takes the runs in their order, chooses those that have a row, and writes the title.
2. `_items` makes a table of their steps and questions, and of the stretches of critical paths.
3. `_rows` chooses the rows and writes their labels and texts; `_items` makes the table of marks,
   and `_layout` folds the waits.
4. It places rows and marks in a `Chart`, which `figure` and `svg` draw.
5. In a notebook, `RunFigure` shows plotly's figure, and the picture for exports.
"""
