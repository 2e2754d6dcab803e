"""Charts of runs.

gantt             `gantt`: what runs did and when
_items            what is drawn: steps, questions, and the critical path
_rows             which of them have a row
_row_texts        the words in the rows
_marks            what is drawn in the rows
_time_axis        seconds since each run started, without waits
_layout           where all this stands, in pixels: a `Chart`
_plotly           a chart as the JSON of a plotly figure
svg               a chart as a static SVG
figure            plotly's figure with the picture and a sentence beside it
lines             lines of text, measured, cut and wrapped
theme             the look of charts

`runkit.gantt(f)` is a chart of one run, of two, or of many:

1. `gantt` sorts the runs and chooses those that have a row.
2. `_items` makes a table of their steps and questions, and of the stretches of critical paths.
3. `_rows` chooses the rows, `_row_texts` writes their labels and texts, `_marks` makes the table of
   marks, `_time_axis` folds the waits.
4. `_layout` places rows and marks in a `Chart`, which `_plotly` and `svg` draw.
5. In a notebook, `RunFigure` shows plotly's figure, and the picture for exports.
"""
