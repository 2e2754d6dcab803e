"""Artifacts, sources and questions.

What was found, on which evidence, and what a person was asked.
"""

from __future__ import annotations

from typing import Any

import runkit
from support import artifact, column, question, run, step


def pending(item_id: str = "int-1", **value: Any) -> dict[str, Any]:
    return {"id": item_id, "value": {"label": "Approve?", "agent": "a"} | value}


def asking_run(*steps: dict[str, Any], items: list[dict[str, Any]], **more: Any) -> runkit.Frames:
    return runkit.frames(run(*steps, end=None, status="interrupted", interrupts=items, **more))


NAMED = [question("int-2", 10, None), question("s2", 20, None, result={"interrupt_id": "int-1"})]
ALIKE = [question(name, 10, None, agent=name, label="Approve?") for name in ("b", "a")]
OTHERS = [question(name, 10, None, agent="x", label="Approve?") for name in ("p", "q")]


def found(*sources: tuple[str | None, str | None], title: str = "Finding") -> dict[str, Any]:
    """A finding with sources of some URLs and tiers."""
    return artifact(title, sources=[{"url": url, "source_tier": tier} for url, tier in sources])


def test_a_source_has_its_host_in_lower_case():
    """In lower case, without user and port; null where there is none."""
    hosts = {
        "https://SOS.example.gov/business/1": "sos.example.gov",
        "https://user:secret@example.com:8443/x": "example.com",
        "http://[::1]/x": "[::1]",
        "urn:isbn:1": None,
        "not a url": None,
        "javascript:alert(1)": None,
    }
    f = runkit.frames(run(step("a", artifacts=[found(*((url, None) for url in hosts))])))
    assert column(f.sources, "host") == [*hosts.values()]
