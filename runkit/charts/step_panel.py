"""What one step returned, found and took."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import orjson
import pandas as pd

from runkit import jsontext
from runkit.arguments import NonBlank, checked
from runkit.charts.panel import (
    Panel,
    lasting,
    records,
    render,
    short_ids,
    table_html,
    when,
    words_of,
)
from runkit.errors import UsageError
from runkit.style import MISSING
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import agent_title, brief, duration, plural, short_id

SHORTEST_ID = 8  # characters of an id that are enough
NEAR = 3  # labels that an error suggests


@checked
def step(f: Frames, name: NonBlank) -> Panel:
    """Show what one step returned: its result, its findings with their sources, and its times.

    Parameters
    ----------
    f
        Frames of exactly one run.
    name
        The id of a step, its first 8 characters, the step's name, or its label.

    Returns
    -------
    Panel
        `table` has the columns `part`, `path` and `value`: a row for each value of the result, then
        for each time, finding and source. Values of fields whose name says that they are secret are
        masked. If several steps have the name, the panel lists them, with the label of the step
        around each as `inside`.

    Raises
    ------
    UsageError
        For another number of runs, and if no step has the id, name or label.

    Examples
    --------
    >>> runkit.one_run.step(f, "Researching TIN verification")  # doctest: +SKIP
    """
    f = one_run(f, "f")
    steps = find_steps(f.steps, name)
    if len(steps) > 1:
        return _list_of(f, steps, name)
    [row] = records(steps)
    artifacts = f.artifacts[f.artifacts["step_id"] == row["step_id"]]
    sources = records(f.sources[f.sources["step_id"] == row["step_id"]])
    values, times = jsontext.leaves(row["result"]), _times(f, row)
    found = records(artifacts)
    sources_of = [
        (item["source_name"] or item["host"] or MISSING, item["url"] or "") for item in sources
    ]
    parts = {
        "result": values,
        "time": times,
        "finding": [(item["title"] or MISSING, _finding_words(item)) for item in found],
        "source": sources_of,
    }
    rows = [(part, *pair) for part, pairs in parts.items() for pair in pairs]
    table = pd.DataFrame(rows, columns=["part", "path", "value"], dtype="str")
    for item in found:
        item["sources"] = [
            source for source in sources if source["artifact_no"] == item["artifact_no"]
        ]
    pairs = table.drop(columns="part")
    tables = {
        "Result": table_html(pairs[table["part"].eq("result")]),
        "Findings of this step": render("findings", rows=found),
        "Times": table_html(pairs[table["part"].eq("time")].rename(columns={"path": "time"})),
    }
    run = f.runs.iloc[0]
    ids = [f"run {short_id(run['run_id'])}", f"step {short_id(row['step_id'])}"]
    names = [run["business_name"], agent_title(row["agent"]), *ids]
    body = render(
        "step",
        row=row,
        where=" · ".join(word for word in names if isinstance(word, str)),
        tables=[(title, html) for title, html in tables.items() if html],
        raw=readable(row["result"]) if values else "",
    )
    return Panel(row["label"], _sentence(f, row, len(values), len(artifacts)), table, body=body)


def find_steps(steps: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the steps with an id, the first characters of an id, a name, or a label.

    Raises `UsageError` if there is none.
    """
    is_long = len(name) >= SHORTEST_ID
    by_id = steps["step_id"].str.startswith(name) if is_long else steps["step_id"].eq(name)
    words = name.strip().casefold()
    by_name, by_label = (steps[column].str.casefold().eq(words) for column in ("name", "label"))
    for is_match in (steps["step_id"].eq(name), by_id, by_label, by_name):
        if is_match.any():
            return steps[is_match]
    near = get_close_matches(name, [*steps["label"].unique()], NEAR, 0.4)
    hint = f" Did you mean {' or '.join(map(brief, near))}?" if near else ""
    raise UsageError(
        f"no step is {brief(name)}; expected the id of a step, its first {SHORTEST_ID} characters, its name "
        f"or its label.{hint}"
    )


def _list_of(f: Frames, steps: pd.DataFrame, name: str) -> Panel:
    inside = steps["parent_step_id"].map(f.steps.set_index("step_id")["label"]).astype("str")
    table = steps.assign(step=short_ids(steps["step_id"]), inside=inside)[
        ["step", "inside", "duration_s"]
    ]
    sentence = f"{plural(len(steps), 'step')} have this name or label; pass the id of one of them."
    return Panel(words_of(name), sentence, table.reset_index(drop=True))


def _sentence(f: Frames, row: dict[Any, Any], n_values: int, n_findings: int) -> str:
    """Write how long a step took, of how long a run, and what it returned."""
    whole = f.runs["duration_s"].iloc[0]
    took = f"{lasting(row['duration_s'])} of the run's {lasting(whole)}"
    path = ", on the critical path" if row["is_critical"] and row["critical_s"] > 0 else ""
    returned = [plural(n_values, "value") if n_values else "no values"]
    returned += [plural(n_findings, "finding")] if n_findings else []
    error = f" {row['error']}" if row["error"] else ""
    return f"{took}{path}. It returned {' and '.join(returned)}.{error}"


def _times(f: Frames, row: dict[Any, Any]) -> list[jsontext.Leaf]:
    start, began = f.runs["started_at"].iloc[0], row["started_at"]
    is_known = pd.notna(start) and began is not None
    after = (
        f", {duration((began - start).total_seconds())} after the run started" if is_known else ""
    )
    inside = (
        f", {plural(row['n_children'], 'step')} inside"
        if row["n_children"]
        else ", no steps inside"
    )
    own = f", own time {lasting(row['self_s'])}" if row["n_children"] else ""
    return [
        ("Started", when(began) + after),
        ("Completed", when(row["completed_at"])),
        ("Duration", lasting(row["duration_s"]) + own + inside),
        ("Type, name", f"{row['type']} · {words_of(row['name'])}"),
    ]


def _finding_words(item: dict[Any, Any]) -> str:
    summary = f": {item['summary']}" if item["summary"] else ""
    return f"{item['confidence'] or 'no'} confidence{summary}"


def readable(result: str) -> str:
    """Return a step's result as indented JSON, or as it is if it is deeper than orjson writes."""
    try:
        return orjson.dumps(jsontext.masked(result), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:
        return jsontext.mask_secrets(result)
