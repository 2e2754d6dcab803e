"""Reports to share: a template is executed on redacted data and becomes one offline HTML file.

report        `report`: from runs to a notebook and one HTML file
report_data   `report_data`: the data of a report, read and masked
redaction     what is masked: `Redaction`, and the table of rules
templates     notebooks that a report executes, and that an analyst can open
_export       the executed notebook as one HTML page

`runkit.report(f, path)`:

1. `report_data` reads the runs and masks each text (`redaction`).
2. `templates` finds the notebook, writes the masked data to a private folder and executes the
   notebook in a kernel without the key.
3. The cells show panels of `runkit.screens` and a chart of the masked frames.
4. `_export` cleans the outputs and writes one page without a script; a chart is an image in it.
5. `report` searches the finished files for every value that was masked, and refuses to write
   them if one is found.
6. It writes the page and the executed notebook.
"""
