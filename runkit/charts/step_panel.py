"""What one step returned, found and took."""

from __future__ import annotations

import orjson
import pandas as pd

from runkit.api import jsontext
from runkit.api.words import TIERS
from runkit.arguments import checked
from runkit.charts.panel import (
    Panel,
    Row,
    lasting,
    records,
    render,
    table_html,
    words_of,
)
from runkit.display.counts import paragraph
from runkit.display.html_tables import column_head, readable
from runkit.display.text import MISSING, agent_title, brief, plural, short_id
from runkit.errors import UsageError
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.tables.run_rules import short_ids

TIMES = [
    *("started_at", "after_start_s", "completed_at", "duration_s", "self_s"),
    *("type", "name", "step_id"),
]
SHORTEST_ID = 8  # characters of an id that are enough


@checked
def step(f: Frames, name: str) -> Panel:
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
        for each time, finding and source (its tier, type and address). Values of fields whose name
        says that they are secret are masked. If several steps have the name, the panel lists them,
        with the label of the step around each as `inside`.

    Raises
    ------
    UsageError
        For another number of runs, and if no step has the id, name or label.

    Examples
    --------
    >>> runkit.one_run.step(f, "Researching TIN verification")  # doctest: +SKIP
    """
    f = one_run(f, "f")
    steps = _find_steps(f.steps, name)
    if len(steps) > 1:
        return _list_of(f, steps, name)
    [row] = records(steps)
    [run] = records(f.runs)
    step_id = row["step_id"]
    artifacts = f.artifacts[f.artifacts["step_id"] == step_id]
    sources = f.sources[f.sources["artifact_no"].isin(artifacts["artifact_no"])]
    findings = rows_with_sources(artifacts.drop(columns="step_id"), sources)
    values = jsontext.leaves(row["result"])
    after_start = steps["started_at"] - f.runs["started_at"].iloc[0]
    timed = steps.assign(after_start_s=after_start.dt.total_seconds())
    times = [(column_head(name), readable(timed[name], name)[0]) for name in TIMES]
    parts = {
        "result": values,
        "time": times,
        "finding": [(item["title"], _finding_text(item)) for item in findings],
        "source": [(item["source_name"], _source_text(item)) for item in records(sources)],
    }
    rows = [
        (part, path or MISSING, value) for part, pairs in parts.items() for path, value in pairs
    ]
    table = pd.DataFrame(rows, columns=["part", "path", "value"], dtype="str")
    sections = {
        "Result": table_html(pd.DataFrame(values, columns=["path", "value"])),
        "Findings of this step": render("findings", rows=findings),
        "Times": table_html(pd.DataFrame(times, columns=["time", "value"])),
    }
    body = render(
        "step",
        state=row["state"],
        where=[
            run["business_name"],
            agent_title(row["agent"]),
            f"run {short_id(run['run_id'])}",
            f"step {short_id(step_id)}",
        ],
        tables=sections,
        raw=_readable(row["result"]) if values else "",
    )
    return Panel(row["label"], _sentence(f, row, len(values), len(findings)), table, body=body)


def rows_with_sources(findings: pd.DataFrame, sources: pd.DataFrame) -> list[Row]:
    """Return the rows of findings, each with the rows of its `sources`."""
    sources_of = {number: records(group) for number, group in sources.groupby("artifact_no")}
    rows = records(findings)
    return [row | {"sources": sources_of.get(row["artifact_no"], [])} for row in rows]


def _find_steps(steps: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the steps with an id, the first characters of an id, a name, or a label.

    Raises `UsageError` if there is none.
    """
    steps_by_id = steps["step_id"]
    is_prefix = steps_by_id.str.startswith(name) & (len(name) >= SHORTEST_ID)
    folded = name.strip().casefold()
    is_label, is_name = (steps[column].str.casefold().eq(folded) for column in ("label", "name"))
    for is_match in (steps_by_id.eq(name), is_prefix, is_label, is_name):
        if is_match.any():
            return steps[is_match]
    raise UsageError(
        f"no step is {brief(name)}; expected the id of a step, its first {SHORTEST_ID} characters, "
        f"its name or its label, as in f.steps."
    )


def _list_of(f: Frames, steps: pd.DataFrame, name: str) -> Panel:
    labels = f.steps.set_index("step_id")["label"]
    inside = steps["parent_step_id"].map(labels).astype("str")
    table = steps.assign(step=short_ids(steps["step_id"]), inside=inside)
    table = table[["step", "inside", "duration_s"]].reset_index(drop=True)
    sentence = f"{plural(len(steps), 'step')} have this name or label; pass the id of one of them."
    return Panel(words_of(name), sentence, table)


def _sentence(f: Frames, row: Row, n_values: int, n_findings: int) -> str:
    """Write how long a step took, of how long a run, and what it returned."""
    run_length = lasting(f.runs["duration_s"].iloc[0])
    length = f"{lasting(row['duration_s'])} of the run's {run_length}"
    path = ", on the critical path" if row["critical_s"] else ""
    counts = {"value": n_values, "finding": n_findings}
    returned = " and ".join(plural(n, word) for word, n in counts.items() if n)
    returned = f"It returned {returned}." if returned else ""
    return paragraph(f"{length}{path}.", returned, row["error"])


def _finding_text(finding: Row) -> str:
    rating = finding["confidence"]
    words = f"{rating} confidence" if rating else MISSING
    return " · ".join(filter(None, [words, finding["type"], finding["summary"]]))


def _source_text(item: Row) -> str:
    tier = item["source_tier"]
    mark = f"{TIERS.find(tier).icon} {words_of(tier, 20)}"
    return " · ".join(filter(None, [mark, item["source_type"], item["url"]]))


def _readable(result: str) -> str:
    """Return a step's result as indented JSON, or as it is if it is deeper than orjson writes."""
    try:
        return orjson.dumps(jsontext.masked(result), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:
        return jsontext.mask_secrets(result)
