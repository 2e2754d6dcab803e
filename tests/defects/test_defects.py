"""The planted defects still fit the code, so that a rebuild that moves a guarded place is noticed at once.

Planting them takes minutes and is done by `.ci/soak` (see `planted.py`).
"""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.defects.data import ROOT, Defect, load

DEFECTS = load()
PUBLIC: dict[str, set[str] | None] = {  # modules that guards may import; None is all of it
    "runkit": None,
    "runkit.charts": None,
    "runkit.client": {"Client", "RunList"},
    "runkit.errors": None,
    "runkit.models": {"Run"},
    "runkit.server": {"Sandbox", "sandbox"},
}


@cache
def parsed(file: str) -> ast.Module:
    """A Python file of the tree."""
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_it_fits_the_code(defect: Defect) -> None:
    """What it replaces stands in its file exactly once, and what comes out is other code, not broken code."""
    source, planted = defect.plant()
    assert planted != source
    if defect.file.endswith(".py"):
        assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(source))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_its_tests_are_there(defect: Defect) -> None:
    """Each is named as `FILE::TEST`, perhaps with parameters in brackets, and goes through public names."""
    assert defect.tests
    for name in defect.tests:
        file, _, test = name.partition("::")
        known = {item.name for item in parsed(file).body if isinstance(item, ast.FunctionDef)}
        assert test.partition("[")[0] in known, (
            f"{name} is not there; name the test that guards this now"
        )
        for module, names in imports_of(file):
            allowed = PUBLIC.get(module, set())
            assert allowed is None or names <= allowed, (
                f"{file} imports {module} {names}: no public name"
            )


def imports_of(file: str) -> list[tuple[str, set[str]]]:
    """What a file imports of runkit."""
    found: list[tuple[str, set[str]]] = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            found += [(item.name, {""}) for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", {item.name for item in node.names}))
    return [(module, names) for module, names in found if module.split(".")[0] == "runkit"]


def test_names_are_distinct() -> None:
    """A name picks one defect."""
    names = [defect.name for defect in DEFECTS]
    assert len(set(names)) == len(names)


def test_every_package_is_guarded() -> None:
    """Each has defects of its own; 40 or more together."""
    packages = {
        path.name for path in (ROOT / "runkit").iterdir() if (path / "__init__.py").is_file()
    }
    assert packages <= {defect.file.split("/")[1] for defect in DEFECTS}
    assert len(DEFECTS) >= 40
