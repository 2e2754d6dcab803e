"""Write a recording for the sandbox: `python -m tests.record runs.ndjson 83fe7317 > NAME.json`.

`runs.ndjson` holds the run as it was when it waited, for what was asked, and as it ended. Then by
hand: mask who it was; correct the verdict of each answer; add what the agent did (`actions`); and
copy the run for another verdict, with what came after the question. `_recordings.py` has the form.
"""

from __future__ import annotations

import json
import sys

from runkit.api.questions import questions_in
from runkit.api.validation import interrupt_value
from runkit.server._recorded_files import read_recordings
from runkit.server._recordings import SeededBusiness, walk


def recording(business: SeededBusiness) -> str:
    """Return the file of a run; it takes every question as approved."""
    run = business.recordings[0].run
    items = [step["asked"] for step in walk(run["steps"]) if "asked" in step]
    answers = {
        item["id"]: {
            part.get("agent") or "": "approve" for part in questions_in(interrupt_value(item))
        }
        for item in items
    }
    fields = {key: value for key, value in run.items() if key != "steps"}
    recorded = {"answers": answers, "actions": [], "run": fields, "steps": run["steps"]}
    case = {"shows": business.shows, "weight": 0, "business": business.body, "documents": []}
    return json.dumps(case | {"runs": [recorded]}, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    path, start = sys.argv[1:]
    [found] = [item for item in read_recordings(path) if item.scenario.startswith(start)]
    sys.stdout.write(recording(found))
