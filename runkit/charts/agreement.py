"""`agreement()`: how often the labels of a sample agree with what was decided."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from runkit.analysis.actions import DTYPES as ACTION_DTYPES
from runkit.analysis.intervals import Estimate, share_of
from runkit.analysis.labels import (
    ac1_of,
    agreed_share,
    compared,
    error_rate,
    proposals_with_results,
    read_key,
    read_labels,
    result_words,
    strata,
)
from runkit.arguments import checked
from runkit.charts.panel import Panel, render, table_html
from runkit.display.counts import Count, phrase, sentence
from runkit.display.html_tables import format_percent, with_labels, without_blanks
from runkit.display.text import Markup, brief, plural
from runkit.errors import UsageError
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
        share of errors with its interval), and `agreement`, `error_rate` and `ac1`, each as share,
        low, high. AC1 is Gwet's; it has no interval where nothing disagrees, as that would be
        [1, 1].

    Raises
    ------
    UsageError
        For a sheet without rows, without a label that can be compared, or that labels a question
        twice; for the key of another sample; and for another frame of answers or actions.
    MissingExtra
        For a file that ends in `.xlsx`, without the extra `[excel]`.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=40, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client() as client:
    ...     runs = client.runs.list(business_id=client.businesses.list())
    ...     f = runkit.frames(client.runs.fetch(runs, progress=False))
    ...     done = runkit.actions(f, client, progress=False)
    >>> sheet = runkit.sample(f, 10)
    >>> sheet["label"] = "approved"
    >>> len(runkit.agreement(sheet, f, actions=done)) == len(sheet)
    True
    """
    if actions is not None and not set(ACTION_DTYPES) <= set(actions):
        raise UsageError(
            f"actions={brief(actions)}; expected the frame of runkit.actions(), or None."
        )
    rows = proposals_with_results(Facts(frames(f)), answers, actions)
    sheet = read_labels(labels, "labels", rows)
    other = None if second is None else read_labels(second, "second", rows)
    table, weights = compared(sheet, rows, other), read_key(key, labels)
    n_agree, n = agreed_share(table)
    by_stratum = None if weights is None or not n else strata(table, weights)
    raw = share_of(n_agree, n)
    rate = None if by_stratum is None else error_rate(by_stratum)
    coefficient = ac1_of(table) if n else None
    estimates = {"agreement": raw, "error_rate": rate, "ac1": coefficient}
    table.attrs = {name: value and [*map(float, value)] for name, value in estimates.items()}
    table.attrs["strata"] = [] if by_stratum is None else by_stratum.to_dict("records")
    parts = [
        f"{n_agree:,} of {plural(n, 'label')} agree: {raw}" if n else _unknown(len(table)),
        _weighted(rate, by_stratum),
        result_words(table),
        "" if other is None or not result_words(other) else f"second: {result_words(other)}",
    ]
    words = sentence("; ".join(filter(None, parts)))
    title = "Agreement with decisions" if second is None else "Agreement of two people"
    return Panel(title, words, table, body=_body(table, by_stratum, coefficient))


def _unknown(n_lines: int) -> str:
    """Write that of no line it is known whether it agrees."""
    return phrase(Count(0, n_lines, n_lines), "agreeing", "label")


def _weighted(rate: Estimate | None, by_stratum: pd.DataFrame | None) -> str:
    """Write the weighted error rate, and of which strata it says something."""
    if rate is None or by_stratum is None:
        return "not weighted, as the key of the sample is missing"
    words = f"weighted error rate {format_percent(100 * rate.value)} ({rate.interval})"
    left_out = by_stratum[by_stratum["n_compared"].eq(0)]
    if len(left_out):
        n_questions = plural(int(left_out["n_settled"].sum()), "question")
        words += f", without {plural(len(left_out), 'stratum', 'strata')} of {n_questions}"
    return words


def _body(
    table: pd.DataFrame, by_stratum: pd.DataFrame | None, coefficient: Estimate | None
) -> Markup:
    """Write the table of strata, that of lines, and AC1."""
    parts = []
    if by_stratum is not None:
        estimates = by_stratum[["error_share", "error_low", "error_high"]].to_numpy()
        shares = [
            f"{format_percent(100 * value[0])} ({value.interval})" if value[0] >= 0 else None
            for value in (Estimate(*row) for row in estimates)
        ]
        columns = by_stratum.drop(columns=["error_share", "error_low", "error_high"])
        columns = columns.assign(errors=pd.Series(shares, by_stratum.index, "str"))
        parts.append(render("section", title="Strata", body=table_html(columns)))
    lines = without_blanks(with_labels(table)).rename(columns={"label": "Label"})
    parts.append(render("section", title="Labels", body=table_html(lines)))
    if coefficient is not None:
        words = f"AC1 {coefficient.value:.2f}"
        if coefficient.low >= -1:
            words += f", 95% interval {coefficient.low:.2f} to {coefficient.high:.2f}."
        else:
            words += "; an interval needs a disagreement."
        parts.append(Markup("<p>{}</p>").format(words))
    return Markup("").join(parts)
