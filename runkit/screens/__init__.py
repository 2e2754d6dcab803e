"""What people read: panels of runs, in a notebook, on a page and in a terminal.

blocks     the blocks that panels are made of: tiles, tables, quotes, details; cells of tables
html       any block as HTML, and a page
terminal   any block as text
panel      `Panel`: a title, what was read, blocks, and sometimes a figure
overview   `overview`: the state of an account
fleet      panels of many runs; what needs somebody, in three groups
one_run    panels of one run; how it ended, and its steps
pages      panels of whole frames: four counts, their runs, their questions, what changed

`runkit.overview(f)`:

1. `overview` reads the frames; `pages` counts the runs of each status from `runkit.facts`.
2. `fleet` selects and sorts what needs somebody; `gantt` draws the chart.
3. The `Panel` holds these as blocks; a notebook asks it for HTML, and a terminal for text.
4. `html` writes each block by a macro of Jinja; `blocks` writes the values of its tables.
"""

from runkit.screens import fleet, one_run

__all__ = ["fleet", "one_run"]
