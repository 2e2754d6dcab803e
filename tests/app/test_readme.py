"""What README shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import runkit
from runkit.cli import parser
from runkit.tables.schema import SCHEMA

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def test_every_python_block_runs() -> None:
    """In order, in one namespace; the last one ends in a figure."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102
    assert len(names["f"].runs) == 13
    assert names["f"].is_complete


def test_every_command_and_option_named_exists() -> None:
    """No `runkit …` in README is made up."""
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL):
        for command in re.findall(r"^runkit (.+)$|/runkit (\S+)$", block, re.MULTILINE):
            parser().parse_args("".join(command).split())


def test_every_file_named_exists() -> None:
    """Links, scripts and pictures."""
    for name in re.findall(r"\]\((?!http)([^)]+)\)|\b((?:tests|\.ci|runkit)/[\w./]+\w)", README):
        path = name[0] or name[1]
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path


def test_every_frame_and_public_function_is_explained() -> None:
    """The six frames and every public name stand in README, or in a docstring of their own."""
    for frame in SCHEMA:
        assert f"| `{frame}` |" in README
    for name in runkit.__all__:
        assert name in README or getattr(runkit, name).__doc__
