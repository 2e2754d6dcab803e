"""Why one run took as long as it did: its largest unusual part first, beside other runs."""

from __future__ import annotations

import pandas as pd

from runkit.api.contract import RESOLUTIONS
from runkit.arguments import checked
from runkit.charts.panel import Panel, Row, bars, lasting, records, render, table_html, words_of
from runkit.display.counts import NOT_KNOWN, paragraph
from runkit.display.status_words import status
from runkit.display.text import plural, run_label
from runkit.facts import run_facts
from runkit.tables.frames import Frames
from runkit.tables.run_rules import named, time_parts

# The parts of a run's time, and how a sentence begins with each.
PARTS = {"waiting_s": "it waited", "working_s": "it worked", "idle_s": "nothing ran for"}
MEASURES = ["duration_s", *PARTS, "n_interrupts", "n_steps"]
KIND = ["agent", "name"]
# A part is unusual if fewer than this share of the others took as long, and if it is longer than
# their median by more than this share of it, or of their median work.
RARE, MORE = 0.1, 0.5
FEW = 3  # of fewer other runs their number stands beside the median


@checked
def why_slow(f: Frames, run_id: str | None = None) -> Panel:
    """Show why one run took long: the parts of its time that are unusual, the largest first.

    Its work is compared with the work of other runs, its waiting with theirs. A part is unusual if
    fewer than one in ten of the others took as long, and if it is longer than their median by more
    than half of it, or of their median work.

    Parameters
    ----------
    f
        Frames of any number of runs; the completed ones of the run's agent are compared. Those of
        which nobody knows where the time went, as their steps were not read, are left out.
    run_id
        The run, or the first 8 characters of its id; by default the one that took longest.

    Returns
    -------
    Panel
        A row for the run, and one for the medians of the others. A failed run is not compared.

    Raises
    ------
    UsageError
        If the run is not in the frames.
    """
    facts = run_facts(f)
    ids = (f if run_id is None else f.select(run_id)).runs["run_id"]
    runs = facts[facts["run_id"].isin(ids)]
    run = runs.sort_values("duration_s", ascending=False, kind="stable").head(1)
    if run.empty:
        return Panel("Why was it slow?", "There are no runs.", run[MEASURES])
    [row] = records(run)
    others = _others(facts, row)
    known = others[others["working_s"].notna()]
    is_least = run["is_least"] & ~run["is_over"]  # nobody knows how long it has waited
    shown = run.assign(**run[["duration_s", "waiting_s"]].mask(is_least, axis=0))
    groups = {"This run": shown, f"Median of {plural(len(known), 'other')}": known}
    medians = [
        {"group": name, "n_runs": len(group), **group[MEASURES].median()}
        for name, group in groups.items()
        if len(group)
    ]
    table = pd.DataFrame(medians)

    parts = table[["waiting_s", "working_s"]]
    share = bars(parts.set_axis(["wait", "accent"], axis=1))
    body = table_html(table.drop(columns="n_runs").assign(share=share))
    body += render("legend", words={"wait": "waiting", "accent": "working"})
    label = run_label(row["run_id"], row["business_name"], row["agent_name"])
    spent = table[[*PARTS]].iloc[0].dropna()
    words = paragraph(*_sentences(f, row, spent, known, len(others) - len(known)))
    return Panel(f"{label} {status(row['status'])}", words, table, body=body)


def _others(runs: pd.DataFrame, row: Row) -> pd.DataFrame:
    """Return the other completed runs of a run's agent; none for a failed run."""
    is_of_agent = runs["agent"].map(str).eq(str(row["agent"]))  # also of none
    is_other = runs["status"].eq("completed") & runs["run_id"].ne(row["run_id"])
    is_compared: bool = row["status"] != "error"
    return runs[is_other & is_of_agent & is_compared]


def _sentences(
    f: Frames, row: Row, spent: pd.Series[float], known: pd.DataFrame, n_unknown: int
) -> list[str]:
    """Write at most four sentences; that the run is not slow only where it is proved."""
    if row["status"] == "error":
        after = f" after {lasting(row['duration_s'])}" * (row["duration_s"] is not None)
        where = f" in “{words_of(row['cause'])}”" if row["cause"] else ""
        return [f"It failed{after}{where}.", "A failed run is not compared."]
    times = ", ".join(filter(None, time_parts(row)))
    notes = []
    if n_unknown:
        runs = plural(n_unknown, "other run")
        notes = [f"{runs} left out: where the time went is {NOT_KNOWN}."]
    elif known.empty:
        notes = ["There is no other completed run of its agent to compare."]

    parts = _compared(spent, known)
    unusual = parts.loc[parts["is_unusual"], "words"].items()
    sentences = [
        f"{start} {words}{_cause(f, row, known, part)}."
        for start, (part, words) in zip(("Slow because", "Besides,"), unusual, strict=False)
    ]
    if not row["is_over"]:
        sentences.insert(0, "Not finished." if sentences else f"Not finished: {times}.")
    elif known.empty or "working_s" not in spent:
        sentences = [f"{times}."]
    elif not sentences:
        n_others = len(known) + n_unknown
        is_proved = not n_unknown or parts["n_longer"].ge(RARE * n_others).all()
        start = "Not slow" if is_proved else f"{NOT_KNOWN.capitalize()} whether it is slow"
        times = "; ".join(parts["words"][["working_s", "waiting_s"]])
        sentences = [f"{start} beside {plural(len(known), 'other')}: {times}."]
    return [*sentences, *notes]


def _compared(spent: pd.Series[float], known: pd.DataFrame) -> pd.DataFrame:
    """Return for each part of a run's time whether it is unusual, the most unusual first."""
    times = known[[*spent.index]]
    usual = times.median()
    n_longer = times.ge(spent).sum()
    extra = spent - usual
    least = MORE * usual.clip(lower=known["working_s"].median())
    of = f" of {plural(len(known), 'other')}" if len(known) < FEW else ""
    words = {
        part: f"{PARTS[part]} {lasting(spent[part])}, median{of} {lasting(usual[part])}"
        for part in spent.index
    }
    columns = {
        "extra": extra,
        "n_longer": n_longer,
        "is_unusual": (n_longer < RARE * len(known)) & (extra > least),
        "words": pd.Series(words),
    }
    return pd.DataFrame(columns).sort_values("extra", ascending=False, kind="stable")


def _cause(f: Frames, row: Row, known: pd.DataFrame, part: str) -> str:
    """Name the question that waited longest, or the step that worked most above its median."""
    if part == "working_s":
        return _extra_step(f, row["run_id"], known["run_id"])
    asked = f.interrupts[f.interrupts["run_id"].eq(row["run_id"])]
    asked = asked[~asked["outcome"].isin(RESOLUTIONS)].nlargest(1, "wait_s")
    if part == "idle_s" or asked.empty:
        return ""
    [longest] = records(asked)
    length = f": {lasting(longest['wait_s'])}" * (longest["wait_s"] < row["waiting_s"]) or ","
    return f"{length} for “{words_of(longest['label'])}”"


def _extra_step(f: Frames, run_id: str, others: pd.Series[str]) -> str:
    """Name the step of a run whose own time is most above its median in other runs.

    Only time on the critical path counts: a group that spans a question does not work meanwhile.
    """
    work = named(f.steps[~f.steps["is_wait"]])
    by = work.groupby(["run_id", *KIND], dropna=False)
    spent = by.agg(label=("label", "first"), own_s=("critical_s", "sum")).reset_index()
    is_other = spent["run_id"].isin(others)
    by_kind = spent[is_other].groupby(KIND, dropna=False)
    usual_s = by_kind["own_s"].median().rename("usual_s")
    steps = spent[spent["run_id"].eq(run_id)].join(usual_s, on=KIND)
    extra_s = steps["own_s"] - steps["usual_s"].fillna(0.0)
    step = steps.iloc[extra_s.argmax()]
    return f": “{words_of(step['label'])}” took {lasting(step['own_s'])} itself"
