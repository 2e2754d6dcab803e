"""Every cell of 2,500 runs in each form."""

from __future__ import annotations

import pytest

import strangers
from tables.test_cells import check_form


@pytest.mark.parametrize("name", strangers.FORMS)
def test_every_cell_of_many_strangers_runs(name):
    check_form(name, 2_500, seed=1)
