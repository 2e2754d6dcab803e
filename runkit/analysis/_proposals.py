"""What agents propose in questions: how sure they are, and which actions followed."""

from __future__ import annotations

import pandas as pd

from runkit.analysis.actions import agreed, check_actions, fully_known, status_after
from runkit.api.validation import KIND_OF_TYPE
from runkit.facts import Facts
from runkit.tables.audit_trail import match, proposed_artifacts, with_answers
from runkit.tables.run_rules import LinkedFrames, is_rated

NOT_DONE = "not_done"
DECIDED = {"approved", "rejected"}


def questions_with_answers(
    facts: Facts, answers: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the questions of some runs with what `answers` tell, and the answers as matched.

    `confidence` is that of what was proposed: the lowest that is rated, null if none is.
    """
    f = facts.frames
    questions = facts.questions
    cited = proposed_artifacts(questions, f.artifacts)
    rated = cited[is_rated(cited)]
    lowest = rated.groupby("question")["confidence"].min().astype("str")
    questions = questions.assign(confidence=lowest.reindex(questions.index))
    if answers is None:
        return questions, None
    log = match(f, questions, answers)
    return with_answers(questions, log), log


def proposals(f: LinkedFrames, questions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each proposal of mixed questions, and one for each other question.

    `question` is the label of the question's row, `kind` that of the proposal (`is_part`), `titles`
    what is proposed.
    """
    cited = proposed_artifacts(questions, f.artifacts)
    kinds = cited["type"].map(KIND_OF_TYPE).astype("str")
    parts = cited[["question", "title"]].assign(part=kinds)
    mixed = questions.index[questions["kind"].eq("mixed")]
    parts = parts[parts["question"].isin(mixed)].dropna(subset="part")
    titles = cited.groupby("question")["title"].agg("; ".join).astype("str")
    rows = questions.rename_axis("question").reset_index()
    rows = rows.merge(parts, "left", "question")
    titles_of_question = rows["question"].map(titles).astype("str")
    return rows.assign(
        is_part=rows["part"].notna(),
        kind=rows["part"].fillna(rows["kind"].astype("str")),
        titles=rows["title"].fillna(titles_of_question),
    )


def effects(rows: pd.DataFrame, actions: pd.DataFrame) -> pd.Series[str]:
    """Return the result of each row of `proposals` that its actions, or their absence, show.

    Raises `UsageError`.
    """
    check_actions(actions)
    done = actions.dropna(subset="step_id")
    is_decision = done["type"] == "decision"
    statuses = done["effects"].where(is_decision).map(status_after, na_action="ignore")
    statuses = statuses.where(statuses.isin(DECIDED))
    results = statuses.mask(~is_decision, "approved")
    by_proposal = results.groupby([done[name] for name in ("run_id", "step_id", "type")])
    columns = {"result": agreed(by_proposal), "n_done": by_proposal.size()}

    key = ["run_id", "step_id", "kind"]
    known = rows[key].join(pd.DataFrame(columns), on=key)
    # of equal proposals with fewer actions, nobody knows which were done
    n_alike = rows.groupby(key)["kind"].transform("size")
    result = known["result"].astype("str").mask(known["n_done"] < n_alike)
    kinds = pd.MultiIndex.from_frame(rows[["run_id", "kind"]])
    is_complete = kinds.isin([*fully_known(actions)])
    return result.mask(known["n_done"].isna() & is_complete, NOT_DONE)
