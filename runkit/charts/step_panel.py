"""What one step returned, found and took."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from runkit.arguments import NonBlank, checked
from runkit.charts.panel import Panel, bundle, lasting, show, when, words_of
from runkit.charts.results import Leaf, leaves, readable
from runkit.errors import UsageError
from runkit.html_tables import WORDS, df_to_html
from runkit.style import MISSING, status
from runkit.tables.compare import one_run
from runkit.tables.frames import Frames
from runkit.text import Markup, agent_title, block, brief, duration, link, plural, short_id

SHORTEST_ID = 8  # characters of an id that are enough
NEAR = 3  # labels that an error suggests
_HEAD = Markup("<h3>{label} <small>{state}</small></h3><p>{where}</p><p>{sentence}</p>")
_PART = Markup("<h4>{}</h4>{}")
_RAW = Markup("<details><summary>Raw JSON</summary><pre>{}</pre></details>")
_SOURCE = Markup("{} {}")
_LINES = Markup("<br>")


@dataclass(frozen=True, repr=False)
class StepPanel(Panel):
    """The panel of one step; `html` is its form in a notebook."""

    html: str = ""

    def _ipython_display_(self) -> None:
        show(self._repr_mimebundle_())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return bundle(self.html, repr(self))


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
        `table` has the columns `part`, `path` and `value`: a row for each value of the result, then for each
        time, finding and source. Values of fields whose name says that they are secret are masked. If several
        steps have the name, the panel lists them, with the label of the step around each as `inside`.

    Raises
    ------
    UsageError
        For another number of runs, and if no step has the id, name or label.

    Examples
    --------
    >>> runkit.one_run.step(f, "Researching TIN verification")  # doctest: +SKIP
    """
    f = one_run(f, "f")
    found = find_steps(f.steps, name)
    if len(found) > 1:
        return _list_of(f, found, name)
    row = found.iloc[0].to_dict()
    artifacts = f.artifacts[f.artifacts["step_id"] == row["step_id"]]
    sources = f.sources[f.sources["step_id"] == row["step_id"]]
    values, times = leaves(row["result"]), _times(f, row)
    parts = {"result": values, "time": times, "finding": _findings(artifacts), "source": _sources(sources)}
    rows = [(part, *pair) for part, pairs in parts.items() for pair in pairs]
    table = pd.DataFrame(rows, columns=["part", "path", "value"], dtype="str")
    sentence = _sentence(f, row, len(values), len(artifacts))
    html = _html(f, row, sentence, values, artifacts, sources, times)
    return StepPanel(row["label"], sentence, table, html=html)


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


def _list_of(f: Frames, found: pd.DataFrame, name: str) -> Panel:
    labels = f.steps.set_index("step_id")["label"]
    are_alike = found["step_id"].map(short_id).duplicated(keep=False)
    table = pd.DataFrame(
        {
            "step": found["step_id"].map(short_id).mask(are_alike, found["step_id"]),
            "inside": found["parent_step_id"].map(labels).astype("str"),
            "duration_s": found["duration_s"],
        }
    )
    sentence = f"{plural(len(found), 'step')} have this name or label; pass the id of one of them."
    return Panel(words_of(name), sentence, table.reset_index(drop=True))


def _sentence(f: Frames, row: dict[Any, Any], n_values: int, n_findings: int) -> str:
    """Say how long a step took, of how long a run, and what it returned."""
    whole = f.runs["duration_s"].iloc[0]
    took = f"{lasting(row['duration_s'])} of the run's {lasting(whole)}"
    path = ", on the critical path" if row["is_critical"] and row["critical_s"] > 0 else ""
    returned = [plural(n_values, "value") if n_values else "no values"]
    returned += [plural(n_findings, "finding")] if n_findings else []
    error = f" {row['error']}" if isinstance(row["error"], str) else ""
    return f"{took}{path}. It returned {' and '.join(returned)}.{error}"


def _times(f: Frames, row: dict[Any, Any]) -> list[Leaf]:
    start = f.runs["started_at"].iloc[0]
    after = f", {duration((row['started_at'] - start).total_seconds())} after the run started"
    inside = f", {plural(row['n_children'], 'step')} inside" if row["n_children"] else ", no steps inside"
    own = f", own time {lasting(row['self_s'])}" if row["n_children"] else ""
    return [
        ("Started", when(row["started_at"]) + (after if pd.notna(start) else "")),
        ("Completed", when(row["completed_at"])),
        ("Duration", lasting(row["duration_s"]) + own + inside),
        ("Type, name", f"{row['type']} · {words_of(row['name'])}"),
    ]


def _findings(artifacts: pd.DataFrame) -> list[Leaf]:
    rows = artifacts[["title", "confidence", "summary"]].astype("str").fillna("").itertuples(index=False)
    return [
        (title, f"{confidence or 'no'} confidence{': ' if summary else ''}{summary}")
        for title, confidence, summary in rows
    ]


def _sources(sources: pd.DataFrame) -> list[Leaf]:
    names = sources["source_name"].fillna(sources["host"]).fillna(MISSING)
    return list(zip(names, sources["url"].fillna(""), strict=True))


def _html(
    f: Frames,
    row: dict[Any, Any],
    sentence: str,
    values: list[Leaf],
    artifacts: pd.DataFrame,
    sources: pd.DataFrame,
    times: list[Leaf],
) -> str:
    run = f.runs.iloc[0]
    names = [run["business_name"], agent_title(row["agent"])]
    ids = [f"run {short_id(run['run_id'])}", f"step {short_id(row['step_id'])}"]
    parts = [
        _HEAD.format(
            label=row["label"],
            state=status(row["status"]),
            where=" · ".join([*(word for word in names if isinstance(word, str)), *ids]),
            sentence=sentence,
        )
    ]
    if values:
        table = df_to_html(pd.DataFrame(values, columns=["path", "value"], dtype="str"))
        parts.append(_PART.format("Result", table + _RAW.format(readable(row["result"]))))
    if len(artifacts):
        shown = artifacts[["title", "summary", "confidence"]]
        by_artifact = (sources[sources["artifact_no"] == number] for number in artifacts["artifact_no"])
        # as objects, so that pandas does not make plain text of them
        evidence = pd.Series([_evidence(rows) for rows in by_artifact], shown.index, object)
        parts.append(_PART.format("Findings of this step", df_to_html(shown.assign(evidence=evidence))))
    parts.append(_PART.format("Times", df_to_html(pd.DataFrame(times, columns=["time", "value"]))))
    return block(*parts)


def _evidence(sources: pd.DataFrame) -> Markup | str:
    """Return the links of a finding's sources, each with its tier."""
    lines = []
    for source in sources.fillna({"source_name": "", "source_tier": ""}).to_dict("records"):
        tier = WORDS["source_tier"](source["source_tier"])
        lines.append(_SOURCE.format(link(source["url"], source["source_name"] or None), tier))
    return _LINES.join(lines) if lines else "no source"
