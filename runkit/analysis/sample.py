"""`sample()`: a blind sample of settled questions, for a second line to label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from runkit.analysis._proposals import proposals, questions_with_answers
from runkit.analysis.actions import SETTLED_BY
from runkit.analysis.decisions import Group, groups_of
from runkit.arguments import checked
from runkit.display.counts import Count, gap, sentence, things
from runkit.display.text import plural
from runkit.errors import UsageError
from runkit.facts import Facts
from runkit.tables.audit_trail import proposed_artifacts, tiers_in_brackets
from runkit.tables.read_frames import frames
from runkit.tables.run_rules import LinkedFrames, with_known_sources
from runkit.tables.sheets import sheet_path, write_sheet
from runkit.tables.sources import Source

MIN_OF_STRATUM = 2  # of one question, nothing is known of how questions differ
COLUMNS = [
    *("no", "run_id", "step_id", "interrupt_id", "business_name", "asked_at"),
    *("question", "proposal", "evidence", "stratum", "label", "why"),
]
LABELS = ["approved", "rejected"]
# kinds whose proposal has values, which people change
EDITABLE = ("add_attributes", "add_sources", "document", "verify_tin")
# by whether the kind is editable
ALLOWED = {True: "approved / rejected / edited", False: "approved / rejected"}


@checked
def sample(
    f: Source,
    n: Annotated[int, Field(ge=1)] = 60,
    *,
    by: Group | Sequence[Group] = ("kind", "confidence"),
    seed: Annotated[int, Field(ge=0)] = 0,
    path: str | Path | None = None,
) -> pd.DataFrame:
    """Draw settled questions at random, as a sheet for somebody who labels them blind.

    Drawn from are the questions that a person answered and those that the policy approved, because
    only people can test the policy. Each stratum gets two questions, or all if it has fewer; the
    rest is in proportion to size.

    Parameters
    ----------
    f
        `Frames` of any number of runs, or anything that `frames()` takes.
    n
        The number of questions; all if there are fewer.
    by
        What makes a stratum: one or several of the groups of `runkit.decisions`.
    seed
        The same seed draws the same questions of the same runs, in the same order.
    path
        A file to write the sheet to, `.xlsx` or `.csv`; the key is written beside it (`qa.key.csv`
        for `qa.xlsx`), and is not for the person who labels. Both are readable by their owner only.
        The sheet has one more column, `allowed`: the labels of each row.

    Returns
    -------
    pandas.DataFrame
        One row per question in random order; of a mixed question one per proposal. To be filled in:
        `label` (approved or rejected; edited, if the proposal has values that should be others) and
        `why`. Neither the answer nor the agent's confidence is in it, nor what tells them.

        | column | meaning |
        | --- | --- |
        | no, run_id, step_id, business_name, asked_at | the question |
        | interrupt_id | null where the step is known: only answered questions have one |
        | question, proposal | its label; kind and titles of what is proposed |
        | evidence | titles, summaries and best tiers of what was found |
        | stratum | a code |
        | label, why | null, to be filled in |

        `attrs["key"]` has a row for each stratum: its code, what it stands for, `n_settled`
        questions and `n_drawn` of them, and `weight`, their ratio. `attrs["sentence"]` says what
        was drawn.

    Raises
    ------
    UsageError
        If `n` is too small for the number of strata, for an unknown group, and for a path that is
        no sheet or cannot be written.
    MissingExtra
        For a path that ends in `.xlsx`, without the extra `[excel]`.

    Examples
    --------
    >>> import runkit
    >>> box = runkit.sandbox(history=8, seed=7, now="2026-11-02T10:00:00Z")
    >>> with box, box.client() as client:
    ...     f = runkit.frames(client.runs.fetch(client.runs.list(), progress=False))
    >>> sheet = runkit.sample(f, 10)
    >>> bool(sheet["label"].isna().all())
    True
    """
    facts = Facts(frames(f))
    names: list[str] = [by] if isinstance(by, str) else [*by]
    target = None if path is None else sheet_path(path)
    questions, _ = questions_with_answers(facts)
    settled = settled_of(questions)
    in_order = settled.sort_values(["run_id", "step_id"], kind="stable")
    mixed = in_order.iloc[np.random.default_rng(seed).permutation(len(in_order))]
    strata = _strata(mixed, names)
    positions = _positions(strata["rank"], strata["n_settled"], n)
    questions = mixed.assign(stratum=strata["stratum"]).iloc[positions]
    key = _key(strata, questions)
    rows = proposals(facts.frames, questions)
    sheet = _sheet(facts.frames, questions, rows)
    sheet.attrs["key"] = key.to_dict("records")
    sheet.attrs["sentence"] = _sentence(facts, settled, questions, key, seed)
    if target:
        allowed = rows["kind"].isin(EDITABLE).map(ALLOWED)
        full = sheet.copy()
        full.insert(COLUMNS.index("label"), "allowed", allowed)
        write_sheet(full, target)
        write_sheet(key, key_path(target))
    return sheet


def settled_of(questions: pd.DataFrame) -> pd.DataFrame:
    """Return the questions that a person answered or the policy approved."""
    return questions[questions["outcome"].isin([*SETTLED_BY])]


def key_path(sheet: Path) -> Path:
    """Return the path of the key beside a sheet."""
    return sheet.with_suffix(".key.csv")


def _strata(questions: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the stratum of each question: its code, groups and size, and the rank in it."""
    groups = {name: groups_of(questions, name) for name in names}
    strata = pd.DataFrame(groups).groupby(names, sort=False)
    codes = "S" + (strata.ngroup() + 1).astype("str")
    sizes = strata.transform("size")
    ranks = strata.cumcount()
    return pd.DataFrame({"stratum": codes, **groups, "n_settled": sizes, "rank": ranks})


def _positions(rank: pd.Series[int], size: pd.Series[int], n: int) -> Any:
    """Return the positions of `n` questions to draw, by their ranks in strata of these sizes.

    The first `MIN_OF_STRATUM` of each stratum come before all others. Of a stratum of N, the others
    have the priority (rank + 1/2) / N: the lowest of all are in proportion to N.
    """
    is_always_drawn = rank < MIN_OF_STRATUM
    if n < is_always_drawn.sum():
        strata = plural(int(rank.eq(0).sum()), "stratum", "strata")
        raise UsageError(
            f"n={n}; expected at least {is_always_drawn.sum()}, up to {MIN_OF_STRATUM} of "
            f"each of {strata}, or fewer strata (by=)."
        )
    priority = ((rank + 0.5) / size).mask(is_always_drawn, 0)
    by_priority = np.argsort(priority.to_numpy(), kind="stable")
    return np.sort(by_priority[:n])


def _key(strata: pd.DataFrame, questions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each stratum, with the number of `questions` drawn of it."""
    key = strata.drop_duplicates("stratum").drop(columns="rank")
    n_drawn = key["stratum"].map(questions["stratum"].value_counts()).astype("int64")
    return key.assign(n_drawn=n_drawn, weight=key["n_settled"] / n_drawn)


def _sheet(f: LinkedFrames, questions: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the sheet of some questions and their `proposals`, to be filled in."""
    business_names = f.runs.set_index("run_id")["business_name"]
    sheet = rows.assign(
        no=range(1, len(rows) + 1),
        # an interrupt id would tell that a person answered; the step id is enough
        interrupt_id=rows["interrupt_id"].where(rows["step_id"].isna()),
        business_name=rows["run_id"].map(business_names),
        question=rows["label"],
        proposal=proposal_texts(rows),
        evidence=rows["question"].map(_evidence(f, questions)),
        label=None,
        why=None,
    )
    texts = dict.fromkeys(("business_name", "evidence", "label", "why"), "str")
    return sheet[COLUMNS].astype({"no": "int32"} | texts)


def proposal_texts(rows: pd.DataFrame) -> pd.Series[str]:
    """Write what each row of `proposals` proposes, if it does; equal ones get a number."""
    texts = rows["kind"].str.replace("_", " ") + ": " + rows["titles"]
    texts = texts.where(rows["kind"].ne("decision"))
    copies = rows.groupby(["question", texts]).cumcount()
    numbers = (copies + 1).astype("str")
    return texts.where(copies.eq(0), texts + " (" + numbers + ")")


def _evidence(f: LinkedFrames, questions: pd.DataFrame) -> pd.Series[str]:
    """Write for each question what was found, and the best tier of its sources."""
    cited = proposed_artifacts(questions, with_known_sources(f))
    summaries = (": " + cited["summary"]).fillna("")
    texts = cited["title"] + summaries + tiers_in_brackets(cited)
    return texts.groupby(cited["question"]).agg("\n".join)


def _sentence(
    facts: Facts, settled: pd.DataFrame, questions: pd.DataFrame, key: pd.DataFrame, seed: int
) -> str:
    """Write how many questions were drawn of how many, and what was not read."""
    known = Count(len(settled), len(settled), 0, facts.n_unread)
    if not known.of:
        return sentence(things(known, "settled question"))
    base = f"{len(questions):,} of {plural(known.of, 'settled question')}"
    strata = plural(len(key), "stratum", "strata")
    return sentence(base, strata, f"seed {seed}{gap(known)}")
