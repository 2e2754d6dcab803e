"""How many runs there were, and how they ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runkit.charts import stacked_bars
from runkit.charts.panel import Panel
from runkit.charts.stacked_bars import Bar
from runkit.charts.wording import NO_RUNS, agent_name, listed, share
from runkit.contract import RUN_STATUSES
from runkit.tables.frames import Frames
from runkit.text import duration, plural

MOST_COLUMNS = 36  # in a phone's width each is 8 px; a month of days and a day and a half of hours fit
# From the good end to the bad one; a status that is not in the API's documentation is the last.
STATUS_LOOKS = {
    "completed": stacked_bars.GOOD._replace(words="completed"),
    "running": stacked_bars.GOES_ON,
    "interrupted": stacked_bars.WAITS,
    "error": stacked_bars.BAD._replace(words="failed"),
    "other": stacked_bars.REST._replace(words="another status"),
}


class Unit(NamedTuple):
    """A length of time to count by: its name, numpy's letter, a tick's two lines, and when in a sentence."""

    name: str
    letter: str
    tick: str
    tick_below: str
    words: str


# A week is seven days from a Monday on; numpy's own weeks begin on Thursdays.
UNITS = (
    Unit("hour", "h", "%H:00", "{day} %b", "on {day} %b %Y from %H:00"),
    Unit("day", "D", "{day} %b", "%Y", "on {day} %b %Y"),
    Unit("week", "W", "{day} %b", "%Y", "in the week of {day} %b %Y"),
    Unit("month", "M", "%b", "%Y", "in %b %Y"),
    Unit("year", "Y", "%Y", "", "in %Y"),
)


def volume(f: Frames) -> Panel:
    """Runs created per hour, day, week, month or year, stacked by status.

    The unit is the least that makes at most `MOST_COLUMNS` columns. Weeks begin on Mondays; times are UTC.
    """
    title = "How many runs there were"
    created = f.runs["created_at"]
    times = created.dropna().dt.tz_convert(None).to_numpy("datetime64[us]")
    if not len(times):
        words = "No run has a time of its creation." if len(f.runs) else NO_RUNS
        return Panel(
            title, words, pd.DataFrame({"since": created, "n_runs": np.zeros(len(created), int)})[:0]
        )
    unit = next((unit for unit in UNITS if np.ptp(_number(times, unit)) < MOST_COLUMNS), UNITS[-1])
    number = _number(times, unit)
    last = int(number.max())
    first = max(int(number.min()), last - MOST_COLUMNS + 1)
    is_shown = number >= first
    status = _known_status(f.runs[created.notna()])[is_shown]
    at = number[is_shown] - first
    parts = {
        word: np.bincount(at[status == word], minlength=last - first + 1).tolist() for word in STATUS_LOOKS
    }
    starts = [_start(n, unit) for n in range(first, last + 1)]
    table = pd.DataFrame({"since": pd.DatetimeIndex(starts).tz_localize("UTC")})
    table["n_runs"] = np.bincount(at, minlength=len(table)).astype("int32")
    for word, numbers in parts.items():
        table[f"n_{word}"] = np.array(numbers, "int32")
    sentence = _volume_words(
        table, unit, n_before=int((~is_shown).sum()), n_timeless=int(created.isna().sum())
    )
    figure = stacked_bars.columns(
        list(STATUS_LOOKS.values()),
        _ticks(starts, unit),
        list(parts.values()),
        [_say(start, unit.words) for start in starts],
        axis=f"runs per {unit.name}",
        sentence=sentence,
        about=f"Columns: runs created per {unit.name}, by status",
    )
    return Panel(title, sentence, table, figure)


def _number(times: NDArray[np.datetime64], unit: Unit) -> NDArray[np.int64]:
    """The number of the hour, day, … that a moment lies in, since the one that holds 1970 began."""
    if unit.letter == "W":
        return (times.astype("M8[D]").astype(np.int64) + 3) // 7  # 1970 began on a Thursday
    return times.astype(f"M8[{unit.letter}]").astype(np.int64)


def _start(number: int, unit: Unit) -> datetime:
    is_week = unit.letter == "W"
    count = np.array(number * 7 - 3 if is_week else number)
    start: datetime = count.astype(f"M8[{'D' if is_week else unit.letter}]").astype("M8[us]").item()
    return start


def _say(when: datetime, words: str) -> str:
    return when.strftime(words.replace("{day}", str(when.day)))


def _ticks(starts: list[datetime], unit: Unit) -> list[str]:
    """Two lines for each column: the hour over its day, or the day over its year."""
    ticks = []
    for start in starts:
        below = _say(start, unit.tick_below)
        ticks.append(f"{_say(start, unit.tick)}<br>{below}" if below else _say(start, unit.tick))
    return ticks


def _volume_words(table: pd.DataFrame, unit: Unit, n_before: int, n_timeless: int) -> str:
    n_runs, n_units = int(table["n_runs"].sum()), len(table)
    starts = table["since"].tolist()
    if n_units == 1:
        words = f"{_were_created(n_runs)} {_say(starts[0], unit.words)}"
    else:
        exact = n_runs / n_units
        mean = f"{exact:,.0f}" if exact >= 100 else f"{exact:.3g}"
        words = (
            f"{_were_created(n_runs)} in {plural(n_units, unit.name)}, {mean} per "
            f"{unit.name} on average; {_peak(table['n_runs'], starts, unit)}"
        )
        if n_quiet := int((table["n_runs"] == 0).sum()):
            words += f", none in {plural(n_quiet, unit.name)}"
    n_failed = int(table["n_error"].sum())
    if n_failed and n_units > 1:
        words += f"; {n_failed:,} failed, {_peak(table['n_error'], starts, unit)}"
    left = [f"{plural(n_before, 'run')} from before"] if n_before else []
    left += [f"{plural(n_timeless, 'run')} without a time"] if n_timeless else []
    return f"{words}." + (f" Left out: {listed(left)}." if left else "")


def _peak(numbers: pd.Series[int], starts: list[datetime], unit: Unit) -> str:
    """Say when most were: one moment where one has most, else how many that is."""
    most, peaks = int(numbers.max()), np.flatnonzero(numbers == numbers.max())
    if most == 1 == int(numbers.sum()):
        return _say(starts[int(peaks[0])], unit.words)
    if most == 1:
        preposition = "on" if unit.name == "day" else "in"
        return f"{preposition} {len(peaks):,} different {unit.name}s"
    if len(peaks) == 1:
        return f"most {_say(starts[int(peaks[0])], unit.words)} ({most:,})"
    return f"at most {most:,} in one {unit.name}"


def _were_created(n_runs: int) -> str:
    return f"{plural(n_runs, 'run')} {'was' if n_runs == 1 else 'were'} created"


def _known_status(runs: pd.DataFrame) -> NDArray[Any]:
    """The status of each run, "other" for words that are not in the API's documentation."""
    status = runs["status"].astype("str")
    return status.where(status.isin(RUN_STATUSES), "other").to_numpy(object)


def outcomes(f: Frames) -> Panel:
    """How runs ended: by agent and status the number, the share of the agent's runs, and how long they took.

    Open runs are measured until they were read.
    """
    title = "How the runs ended"
    runs = f.runs.assign(status=f.runs["status"].astype("str"))
    by = runs.groupby(["agent", "status"], dropna=False)
    table = by["duration_s"].agg(n_runs="size", median_s="median", longest_s="max").reset_index()
    of_agent = table.groupby("agent", dropna=False)["n_runs"].transform("sum")
    table.insert(3, "runs_percent", (100 * table["n_runs"] / of_agent).round(1))
    table = table.assign(of_agent=of_agent).sort_values(
        ["of_agent", "n_runs"], ascending=False, kind="stable"
    )
    table = table.drop(columns="of_agent").reset_index(drop=True)
    if runs.empty:
        return Panel(title, NO_RUNS, table)
    numbers = pd.crosstab(runs["agent"].fillna("").to_numpy(), _known_status(runs))
    numbers = numbers.reindex(columns=list(STATUS_LOOKS), fill_value=0)
    numbers = numbers.loc[numbers.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    sentence = _outcome_words(runs, numbers)
    n_more = max(len(numbers) - stacked_bars.MOST_BARS, 0)
    if n_more:
        sentence += f" The chart adds up the {plural(n_more, 'agent')} with the fewest runs."
    rows = [
        _outcome_bar(agent_name(agent or None), row.tolist())
        for agent, row in zip(numbers.index[: stacked_bars.MOST_BARS], numbers.to_numpy(), strict=False)
    ]
    if n_more:
        rows.append(
            _outcome_bar(plural(n_more, "other"), numbers.iloc[stacked_bars.MOST_BARS :].sum().tolist())
        )
    figure = stacked_bars.bars(
        list(STATUS_LOOKS.values()),
        rows,
        axis="runs",
        sentence=sentence,
        about="Bars: runs by agent and status",
    )
    return Panel(title, sentence, table, figure)


def _outcome_bar(name: str, numbers: list[int]) -> Bar:
    n_runs = sum(numbers)
    hovers = [
        f"{look.words}: {n:,} of {n_runs:,} ({share(n, n_runs)})"
        for look, n in zip(STATUS_LOOKS.values(), numbers, strict=True)
    ]
    return Bar(name, f"{numbers[0]:,} of {n_runs:,} completed", numbers, hovers)


def _outcome_words(runs: pd.DataFrame, numbers: pd.DataFrame) -> str:
    n_runs, total = len(runs), numbers.sum()
    words = f"{total['completed']:,} of {plural(n_runs, 'run')} completed"
    words += f" ({share(total['completed'], n_runs)})"
    if total["error"]:
        words += f", {total['error']:,} failed ({share(total['error'], n_runs)})"
    if n_asking := int(total["interrupted"]):
        words += f", {n_asking:,} {'waits' if n_asking == 1 else 'wait'} for a person"
    if n_running := int(total["running"]):
        words += f", {n_running:,} still {'runs' if n_running == 1 else 'run'}"
    if total["other"]:
        words += f", {total['other']:,} of a status that is not documented"
    took = runs.loc[runs["status"] == "completed", "duration_s"].dropna()
    if len(took) == 1:
        words += f"; the completed one took {duration(float(took.iloc[0]))}"
    elif len(took):
        words += f"; a completed run took {duration(float(took.median()))} (median), "
        words += f"the longest {duration(float(took.max()))}"
    if len(numbers) > 1 and total["error"]:
        worst = numbers["error"].sort_values(ascending=False, kind="stable").index[0]
        words += f". {agent_name(worst or None)} failed most often: "
        words += f"{numbers.loc[worst, 'error']:,} of {numbers.loc[worst].sum():,}"
    return words + "."
