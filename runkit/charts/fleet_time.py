"""Where the time of many runs went: their budget, their waits for people, and their slowest steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from runkit.charts import stacked_bars
from runkit.charts.panel import Panel
from runkit.charts.run_time import is_wait_for_person
from runkit.charts.stacked_bars import Bar
from runkit.charts.wording import NO_RUNS, agent_name, listed, said, share, without_budget
from runkit.contract import FINAL_STATUSES
from runkit.tables.frames import Frames
from runkit.text import duration, plural

HOUR, DAY = 3_600, 86_400
# What is answered at once, within the hour, within half a working day, the next day, after a weekend.
WAIT_BOUNDS = (-np.inf, 15 * 60, HOUR, 4 * HOUR, DAY, 3 * DAY, np.inf)
WAIT_WORDS = ("under 15 min", "15 min to 1 h", "1 to 4 h", "4 to 24 h", "1 to 3 d", "3 d or longer")
UNKNOWN_WAIT = "not known"
LONG_WAIT = 4 * HOUR  # the sentence counts the questions that waited longer
SLOWEST = 15  # kinds of steps
MOST_ASKING = 12  # agents in the chart of waits, below its buckets
USUAL = 0.5  # of the steps of a name have the label that is called usual, or none is
MOST_IN_HOVER = 3  # agents
KIND = ["agent", "name"]  # of steps
TYPICAL = "typical ended run"  # the median of each part
SPENT = ["duration_s", "working_s", "waiting_s", "idle_s"]
BUDGET_LOOKS = (stacked_bars.WORK, stacked_bars.WAITS, stacked_bars.NOTHING)
OUTCOME_LOOKS = {
    "answered": stacked_bars.GOOD._replace(words="answered"),
    "pending": stacked_bars.WAITS._replace(words="still waits"),
    "lapsed": stacked_bars.REST._replace(words="lapsed"),
}


def budget(f: Frames) -> Panel:
    """Working, waiting for a person and idle: of a typical ended run, all ended, all open ones, and by agent.

    A few open runs can have waited longer than all others took, so they are apart; they are measured until
    they were read. The typical run has the median of each part over the ended ones; medians do not add up. An
    agent's row is of the runs that it led, ended or open. Runs without steps have no budget and are left out.
    """
    title = "Where the time went"
    known = f.runs[f.runs["working_s"].notna()]
    is_ended = known["status"].isin(FINAL_STATUSES)
    ended, still_open = known[is_ended], known[~is_ended]
    led = known.groupby("agent", dropna=False)[SPENT].sum()
    led.insert(0, "n_runs", known.groupby("agent", dropna=False).size())
    led = led.sort_values("n_runs", ascending=False, kind="stable").reset_index()
    led.insert(0, "group", "runs led by")
    totals = [[TYPICAL, None, len(ended), *ended[SPENT].median()]] if len(ended) else []
    totals += [
        [group, None, len(runs), *runs[SPENT].sum()]
        for group, runs in (("ended runs", ended), ("open runs", still_open))
        if len(runs)
    ]
    total = pd.DataFrame(totals, columns=led.columns)
    table = pd.concat([total.astype(led.dtypes.to_dict()), led], ignore_index=True)
    whole = table["duration_s"].where(table["duration_s"] > 0)
    table["waiting_percent"] = (100 * table["waiting_s"] / whole).round(1)
    left_out = without_budget(f.runs)
    if known.empty:
        words = NO_RUNS if f.runs.empty else "Where the time went is not known."
        return Panel(title, f"{words} {left_out}".strip(), table[:0])
    shown = table.head(len(totals) + stacked_bars.MOST_BARS) if len(led) > 1 else table.head(len(totals))
    n_more = len(led) - stacked_bars.MOST_BARS
    more = f"The {plural(n_more, 'agent')} with the fewest runs are in the table only." if n_more > 0 else ""
    parts = [_ended_words(ended, f.interrupts), _open_words(still_open), left_out, more]
    sentence = " ".join(filter(None, parts))
    figure = stacked_bars.bars(
        BUDGET_LOOKS,
        [_budget_bar(row) for _, row in shown.iterrows()],
        axis="share of the time",
        sentence=sentence,
        about="Bars: shares of the runs' time, working, waiting for a person and idle",
        unit="percent",
    )
    return Panel(title, sentence, table, figure)


def _budget_bar(row: pd.Series[Any]) -> Bar:
    spent = [float(row[part]) for part in SPENT[1:]]
    whole = sum(spent)  # the duration, but for medians, which do not add up
    names = {"runs led by": agent_name(row["agent"]), TYPICAL: TYPICAL}
    name = names.get(row["group"], f"{row['group']} ({row['n_runs']:,})")
    hovers = [
        f"{look.words} {duration(seconds)} of {duration(whole)} ({share(seconds, whole)})"
        for look, seconds in zip(BUDGET_LOOKS, spent, strict=True)
    ]
    note = f"{duration(whole)}, {share(spent[1], whole)} waiting"
    return Bar(name, note, [100 * seconds / whole if whole else 0.0 for seconds in spent], hovers)


def _ended_words(ended: pd.DataFrame, interrupts: pd.DataFrame) -> str:
    if ended.empty:
        return "No run has ended."
    whole, working, waiting, idle = (float(ended[part].sum()) for part in SPENT)
    runs = plural(len(ended), "ended run")
    if not whole:
        return f"{runs} took no time."
    _, work, wait, none = (float(ended[part].median()) for part in SPENT)
    n_waited = int((ended["waiting_s"] > 0).sum())
    waited = f"waited {duration(wait)} for a person" if wait else "did not wait for a person"
    typical = f"A typical ended run worked for {duration(work)}, {waited} and was idle for {duration(none)}"
    typical += " (medians)."
    if not waiting:
        return f"{typical} None of {runs} waited for a person; together they took {duration(whole)}."
    words = (
        f"{typical} {n_waited:,} of {runs} waited, which took {share(waiting, whole)} of the time of all: "
    )
    words += f"{duration(waiting)} of {duration(whole)}; "
    words += f"working took {duration(working)} ({share(working, whole)}), idle {duration(idle)}"
    asked = interrupts[interrupts["run_id"].isin(ended["run_id"]) & _was_asked(interrupts)]
    by_agent = asked.groupby("agent", dropna=False)["wait_s"].sum().sort_values(ascending=False)
    if len(by_agent) > 1:
        agent, longest = by_agent.index[0], float(by_agent.iloc[0])
        words += f"; the questions of {agent_name(agent)} waited longest, {duration(longest)} together"
    return f"{words}."


def _open_words(still_open: pd.DataFrame) -> str:
    if still_open.empty:
        return ""
    whole, _, waiting, _ = (float(still_open[part].sum()) for part in SPENT)
    runs = f"{plural(len(still_open), 'run')} {'is' if len(still_open) == 1 else 'are'} still open"
    return f"{runs}: {duration(whole)} so far, {share(waiting, whole)} of it waiting for a person."


def _was_asked(interrupts: pd.DataFrame) -> pd.Series[bool]:
    """Questions that were put to a person; what the policy settled was not."""
    return interrupts["outcome"].isin(list(OUTCOME_LOOKS))


def waits(f: Frames) -> Panel:
    """Questions by how long they waited for a person, and by agent; the pending ones are hatched.

    A pending question has waited until its run was read. What the interrupt policy settled did not wait for
    anybody: it is counted in the sentence only.
    """
    title = "What waited for a person"
    is_asked = _was_asked(f.interrupts)
    asked = f.interrupts[is_asked]
    settled = f.interrupts.loc[~is_asked, "outcome"].astype("str").value_counts()
    bucket = pd.cut(asked["wait_s"], WAIT_BOUNDS, right=False, labels=WAIT_WORDS).astype("str")
    asked = asked.assign(outcome=asked["outcome"].astype("str"), wait=bucket.fillna(UNKNOWN_WAIT))
    table = _waits_table(asked)
    by_policy = ""
    if len(settled):
        kinds = listed([f"{n:,} by {said(word)}" for word, n in settled.items()])
        by_policy = f"Not counted: the policy settled {plural(int(settled.sum()), 'question')} ({kinds})."
    if asked.empty:
        return Panel(title, f"No question was put to a person. {by_policy}".strip(), table)
    by_bucket = pd.crosstab(asked["wait"].to_numpy(), asked["outcome"].to_numpy())
    by_bucket = by_bucket.reindex(columns=list(OUTCOME_LOOKS), fill_value=0)
    words = [*WAIT_WORDS, *([UNKNOWN_WAIT] if UNKNOWN_WAIT in by_bucket.index else [])]
    by_bucket = by_bucket.reindex(words, fill_value=0)
    rows = [
        _waits_bar(word, numbers.tolist(), _agents_of(asked[asked["wait"] == word]), heading)
        for word, numbers, heading in zip(
            words, by_bucket.to_numpy(), ["By how long they waited", *[""] * len(words)], strict=False
        )
    ]
    asking = asked["agent"].fillna("").value_counts()
    more = ""
    if len(asking) > 1:
        of_agent = [
            (agent_name(agent or None), asked[asked["agent"].fillna("") == agent])
            for agent in asking.index[:MOST_ASKING]
        ]
        if (n_more := len(asking) - MOST_ASKING) > 0:
            is_rest = asked["agent"].fillna("").isin(asking.index[MOST_ASKING:])
            of_agent.append((plural(n_more, "other"), asked[is_rest]))
            more = f"The chart adds up the {plural(n_more, 'agent')} that asked least."
        for number, (name, own) in enumerate(of_agent):
            split = [int((own["outcome"] == outcome).sum()) for outcome in OUTCOME_LOOKS]
            median = f"median {duration(float(own['wait_s'].median()))}"
            rows.append(_waits_bar(name, split, median, "" if number else "By who asked"))
    sentence = " ".join(filter(None, [_waits_words(asked), by_policy, more]))
    figure = stacked_bars.bars(
        list(OUTCOME_LOOKS.values()),
        rows,
        axis="questions",
        sentence=sentence,
        about="Bars: questions put to a person, by how long they waited and by agent",
    )
    return Panel(title, sentence, table, figure)


def _waits_table(asked: pd.DataFrame) -> pd.DataFrame:
    """A row for each agent and bucket that has questions, from the shortest waits to the longest."""
    order = {word: number for number, word in enumerate((*WAIT_WORDS, UNKNOWN_WAIT))}
    is_of = {f"n_{outcome}": asked["outcome"] == outcome for outcome in OUTCOME_LOOKS}
    by = asked.assign(**is_of, place=asked["wait"].map(order)).groupby(
        ["place", "wait", "agent"], dropna=False
    )
    table = by[list(is_of)].sum()
    table.insert(0, "n_questions", by.size())
    table["median_s"], table["longest_s"] = by["wait_s"].median(), by["wait_s"].max()
    return table.reset_index().drop(columns="place")


def _agents_of(asked: pd.DataFrame) -> str:
    """Who asked most of these, for a hover text."""
    most = asked["agent"].fillna("").value_counts().head(MOST_IN_HOVER)
    return ", ".join(f"{agent_name(agent or None)} {n:,}" for agent, n in most.items())


def _waits_bar(name: str, numbers: list[int], detail: str, heading: str) -> Bar:
    n_pending, n_lapsed = numbers[1:]
    parts = [f"{n_pending:,} waiting"] if n_pending else []
    parts += [f"{n_lapsed:,} lapsed"] if n_lapsed else []
    # "2 waiting" where that is all, and not "2, 2 waiting"
    note = listed(parts)
    if numbers[0] or not parts:
        note = f"{sum(numbers):,}" + (f", {note}" if parts else "")
    hovers = [
        f"{look.words}: {n:,}; {detail}" for look, n in zip(OUTCOME_LOOKS.values(), numbers, strict=True)
    ]
    return Bar(name, note, numbers, hovers, heading)


def _waits_words(asked: pd.DataFrame) -> str:
    pending, answered = (asked[asked["outcome"] == outcome] for outcome in ("pending", "answered"))
    whole = f"{plural(len(asked), 'question')} put to a person"
    if len(pending):
        oldest = pending.sort_values("wait_s", ascending=False).iloc[0]
        verb = "waits" if len(pending) == 1 else "wait"
        words = f"{len(pending):,} of {whole} still {verb}"
        words += f", {'' if len(pending) == 1 else 'the oldest '}for {duration(float(oldest['wait_s']))} "
        words += f"({agent_name(oldest['agent'])})"
    else:
        words = f"None of {whole} still waits"
    if len(answered) == 1:
        words += f"; the answered one waited {duration(float(answered['wait_s'].iloc[0]))}"
    elif len(answered):
        n_long = int((answered["wait_s"] > LONG_WAIT).sum())
        usual = duration(float(answered["wait_s"].median()))
        words += f"; the {len(answered):,} answered ones waited {usual} (median)"
        words += f", {n_long:,} of them over {LONG_WAIT // HOUR} h" if n_long else ""
    n_lapsed = int((asked["outcome"] == "lapsed").sum())
    words += f"; {n_lapsed:,} lapsed: their runs ended first" if n_lapsed else ""
    return words + "."


def slowest_steps(f: Frames) -> Panel:
    """Kinds of steps, by agent and name, and their time by themselves; what held the runs up comes first.

    Leaf steps only: a container's time is its children's. Waits for a person are left out; questions that the
    policy settled are work. The 15 with most time on the critical path.
    """
    title = "The slowest steps"
    steps = f.steps
    work = steps[(steps["n_children"] == 0) & ~is_wait_for_person(steps)]
    by = work.groupby(KIND, dropna=False)
    table = pd.DataFrame(by["self_s"].agg(n_steps="size", median_s="median", longest_s="max"))
    table.insert(2, "p95_s", by["self_s"].quantile(0.95) if len(work) else table["median_s"])
    table["critical_s"] = by["critical_s"].sum()
    n_kinds, whole = len(table), float(table["critical_s"].sum())
    table = (
        table.sort_values(["critical_s", "median_s"], ascending=False, kind="stable")
        .head(SLOWEST)
        .reset_index()
    )
    table.insert(2, "label", _usual_labels(work, table))
    if table.empty:
        return Panel(title, "There are no steps of work.", table)
    sentence = _slowest_words(table, f.runs, whole, n_kinds)
    figure = stacked_bars.bars(
        [stacked_bars.WORK],
        [_slowest_bar(row) for _, row in table.iterrows()],
        axis="time on the critical path",
        sentence=sentence,
        about="Bars: time on the critical path by kind of step",
        unit="seconds",
    )
    return Panel(title, sentence, table, figure)


def _of_work(runs: pd.DataFrame) -> str:
    """How much the work was, and how little of all time where waiting took more."""
    working, waiting, idle = (float(runs[part].sum()) for part in SPENT[1:])
    of_all = f", {share(working, working + waiting + idle)} of all time" if waiting > working else ""
    return f"Of the work ({duration(working)}{of_all}) " if working else ""


def _usual_labels(work: pd.DataFrame, table: pd.DataFrame) -> pd.Series[Any]:
    """The label that most steps of a kind have; null where no label is usual."""
    n = work.groupby([*KIND, "label"], dropna=False).size().rename("n").reset_index()
    most = n.sort_values("n", ascending=False, kind="stable").drop_duplicates(KIND)
    found = table[[*KIND, "n_steps"]].merge(most, on=KIND, how="left")
    return found["label"].where(found["n"] > USUAL * found["n_steps"])


def _step_name(row: pd.Series[Any]) -> str:
    return said(row["label"], said(row["name"], "unnamed step"))


def _slowest_bar(row: pd.Series[Any]) -> Bar:
    hover = (
        f"{agent_name(row['agent'])}, {said(row['name'], 'unnamed step')}: {plural(row['n_steps'], 'step')}, "
        f"median {duration(row['median_s'])}, 95 % within {duration(row['p95_s'])}"
    )
    times = plural(row["n_steps"], "time")
    note = f"{duration(row['critical_s'])}, {times}"  # more would cut the name on a phone
    return Bar(_step_name(row), note, [float(row["critical_s"])], [hover])


def _slowest_words(table: pd.DataFrame, runs: pd.DataFrame, whole: float, n_kinds: int) -> str:
    first = table.iloc[0]
    name = f"“{_step_name(first)}” ({agent_name(first['agent'])})"
    took = f"it ran {plural(first['n_steps'], 'time')}, median {duration(first['median_s'])}"
    took += f", longest {duration(first['longest_s'])}"
    if whole:
        words = (
            f"{_of_work(runs)}{name} held the runs up most: {duration(first['critical_s'])} of "
            f"{duration(whole)} on the critical path ({share(first['critical_s'], whole)}); {took}."
        )
    else:
        words = f"No step of work is on the critical path for any time; the first is {name}: {took}."
    slow = table.iloc[int(table["p95_s"].argmax())]
    if slow.name != 0:
        words += f" “{_step_name(slow)}” can take longest: 95 % are done within {duration(slow['p95_s'])}."
    if n_kinds > len(table):
        words += f" The {len(table):,} with most such time of {plural(n_kinds, 'kind')} of steps are shown."
    return words + " Waits for a person are left out."
