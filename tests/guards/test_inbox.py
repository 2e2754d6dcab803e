"""The inbox has every question that waits, by kind, and then the oldest first."""

from __future__ import annotations

from datetime import timedelta

import runkit


def test_every_question_that_waits_is_there() -> None:
    """As many as runs are interrupted in the past 30 days, until they are answered."""
    with runkit.sandbox(history=90) as box, box.client(rate=None) as client:
        asking = client.runs.list(status="interrupted", progress=False)
        assert len(asking) > 3
        inbox = runkit.InterruptInbox(client)
        assert {row.run_id for row in inbox.rows} == set(asking.ids)
        assert inbox.rows[0].kind == "dismissal"
        for kind in {row.kind for row in inbox.rows}:
            asked = [row.asked_at for row in inbox.rows if row.kind == kind]
            assert asked == sorted(asked)
        assert all(row.wait_s > timedelta(minutes=1).total_seconds() for row in inbox.rows)
        first = inbox.rows[0]
        box.end_run(first.run_id)
        assert first.run_id not in {row.run_id for row in runkit.InterruptInbox(client).rows}
