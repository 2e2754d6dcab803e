"""What users may rely on.

Names, signatures, columns and commands, compared with the committed snapshot.
"""

import difflib

import pytest

import runkit
from tests import public_api


def test_the_public_api_is_the_committed_one():
    """A change shows as a diff; one that is meant is written to the snapshot with one command."""
    committed = public_api.SNAPSHOT.read_text(encoding="utf-8")
    diff = "\n".join(
        difflib.unified_diff(
            committed.splitlines(),
            public_api.text().splitlines(),
            "committed",
            "now",
            lineterm="",
            n=1,
        )
    )
    if diff:
        pytest.fail(
            f"the public API has changed:\n{diff}\nIf it should: {public_api.COMMAND}",
            pytrace=False,
        )


def test_an_unknown_name_is_answered_with_the_names_there_are():
    with pytest.raises(AttributeError, match=r"'sample'; it has .*\bdecisions, .*\bsearch$"):
        getattr(runkit, "sample")  # noqa: B009
