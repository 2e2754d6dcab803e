"""`agreement()`: how often the labels of a sample agree with what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from runkit.analysis.intervals import NO_INTERVAL, Estimate
from runkit.analysis.labels import (
    AGREES,
    DISAGREES,
    compared,
    compared_lines,
    estimates,
    gap_words,
    proposals_with_results,
    read_key,
    read_labels,
    strata,
)
from runkit.arguments import checked
from runkit.charts.panel import Panel, render, table_html
from runkit.display.counts import Count, phrase, sentence
from runkit.display.html_tables import with_labels, without_blanks
from runkit.display.text import Markup, plural
from runkit.facts import Facts
from runkit.tables.read_frames import frames
from runkit.tables.sources import Source


@checked
def agreement(
    labels: pd.DataFrame | str | Path,
    f: Source,
    *,
    key: pd.DataFrame | str | Path | None = None,
    second: pd.DataFrame | str | Path | None = None,
    answers: pd.DataFrame | None = None,
    actions: pd.DataFrame | None = None,
) -> Panel:
    """Compare the labels of a sample with what was decided, or with those of a second person.

    What was decided is read, in this order, from the data, `answers`, `actions`, and the policy: a
    question that it approved is approved. A decision that nothing tells is not known, and counted.

    Parameters
    ----------
    labels
        A sheet of `runkit.sample` with labels: a DataFrame, or a file that ends in `.xlsx` or
        `.csv`. Lines are joined by `run_id` and `step_id`, those of a mixed question also by
        `proposal`.
    f
        `Frames` that hold the runs of the sample, or anything that `frames()` takes.
    key
        The key of the sample, which weights the strata. By default that of the DataFrame's
        `attrs`, or the file beside the sheet.
    second
        The same sheet with the labels of another person.
    answers, actions
        As for `runkit.decisions`.

    Returns
    -------
    Panel
        The sentence gives the share of labels that agree, with Wilson's interval; the weighted
        error rate of all settled questions, with Wilson's interval for the effective number; and
        how many lines could not be compared, by the reason. `table` has a row for each line of the
        sheet, disagreements first, then what was not compared: `result`, `decided` (or `second`),
        `label` and `why`. What was not done agrees with a label of rejected. An approval that only
        an action tells may have had edits.

        `table.attrs` has `strata` (a row for each stratum: questions compared, `n_wrong`, and the
        share of errors), and as far as they are known `agreement`, `error_rate`
        and `ac1`, each as share, low, high. AC1 is Gwet's; it has no interval where nothing
        disagrees, as that would be [1, 1].

    Raises
    ------
    UsageError
        For a sheet without a label that can be compared; for the key of another sample; and for
        another frame of answers or actions.
    MissingExtra
        For a file that ends in `.xlsx`, without the extra `[excel]`.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=8, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client(rate=None) as client:
    ...     runs = client.runs.list(business_id=client.businesses.list())
    ...     f = runkit.frames(client.runs.fetch(runs, progress=False))
    ...     done = runkit.actions(f, client, progress=False)
    >>> sheet = runkit.sample(f, 10)
    >>> sheet["label"] = "approved"
    >>> len(runkit.agreement(sheet, f, actions=done)) == len(sheet)
    True
    """
    rows = proposals_with_results(Facts(frames(f)), answers, actions)
    sheet = read_labels(labels, "labels", rows)
    other = None if second is None else read_labels(second, "second", rows)
    table = compared(sheet, rows, other)
    by_stratum = strata(table, read_key(key, labels, compared_lines(table)))
    numbers = estimates(table, by_stratum)
    table.attrs = {name: [*map(float, estimate)] for name, estimate in numbers.items()}
    table.attrs["strata"] = by_stratum.to_dict("records")
    parts = [*filter(None, [*_parts(table, numbers, by_stratum), gap_words(table)])]
    if other is not None and (words := gap_words(other)):
        parts.append(f"second: {words}")
    title = "Agreement with decisions" if second is None else "Agreement of two people"
    return Panel(title, sentence("; ".join(parts)), table, body=_body(table, numbers, by_stratum))


def _parts(
    table: pd.DataFrame, numbers: dict[str, Estimate], by_stratum: pd.DataFrame
) -> Iterator[str]:
    """Write how many labels agree, and the weighted error rate with the strata it leaves out."""
    n_of = table["result"].value_counts()
    if not numbers:
        yield phrase(Count(0, len(table), len(table)), "agreeing", "label")
        return
    labels = plural(n_of[AGREES] + n_of[DISAGREES], "label")
    yield f"{n_of[AGREES]:,} of {labels} agree: {numbers['agreement']}"
    if "error_rate" not in numbers:
        yield "not weighted, as the key of the sample is missing"
        return
    left_out = by_stratum.loc[by_stratum["n_compared"].eq(0), "n_settled"]
    words = f"weighted error rate {numbers['error_rate']}"
    if len(left_out):
        questions = plural(int(left_out.sum()), "question")
        words += f", without {plural(len(left_out), 'stratum', 'strata')} of {questions}"
    yield words


def _body(table: pd.DataFrame, numbers: dict[str, Estimate], by_stratum: pd.DataFrame) -> Markup:
    """Write the table of strata, that of lines, and AC1."""
    words = table.replace({"decided": {"not_done": "not done"}})
    lines = without_blanks(with_labels(words)).rename(columns={"label": "Label"})
    shown = by_stratum.rename(columns={"error_share": "error_percent"})
    if len(shown):
        shown["error_percent"] *= 100
    ac1 = ""
    if numbers:
        value, low, high = numbers["ac1"]
        interval = f"95% interval {low:.2f} to {high:.2f}" if low >= -1 else NO_INTERVAL
        ac1 = f"{value:.2f}, {interval}"
    return render("agreement", strata=table_html(shown), lines=table_html(lines), ac1=ac1)
