"""The planted defects still fit the code, so that a rebuild that moves a guarded place is noticed.

Planting them takes minutes and is done by `.ci/soak` (see `planted.py`).
"""

import ast
import re

import pytest

from tests.defects.data import ROOT, load

DEFECTS = load()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_it_fits_the_code_and_its_tests_are_there(defect):
    """What it replaces stands in its file exactly once; a test may have parameters in brackets."""
    source, planted = defect.plant()
    assert planted != source
    if defect.file.endswith(".py"):
        ast.parse(planted)
    assert defect.tests
    for name in defect.tests:
        file, _, test = name.partition("::")
        pattern = rf"^(async )?def {test.partition('[')[0]}\("
        assert re.search(pattern, (ROOT / file).read_text(), re.MULTILINE), name


def test_every_package_is_guarded():
    """Each has defects of its own; 100 or more together, with names that pick one."""
    packages = {path.parent.name for path in (ROOT / "runkit").glob("*/__init__.py")}
    assert packages <= {defect.file.split("/")[1] for defect in DEFECTS}
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 100
