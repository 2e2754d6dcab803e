"""A planted secret is in no finished file, wherever it stood; and no input makes a report impossible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.made import TIMES, fuzz, json_values, nested, unicode_texts
from runkit.reports import templates
from runkit.reports.bundle import ReportData, read_source, redact_source
from runkit.reports.redaction import Masker, Redaction
from support import artifact, run, step
from tests.reports.conftest import execute_here, make, write_template

Json = dict[str, Any]
SECRET_SIGNS = "abcXYZ0189éд!#$%*+./:=?@^_|~-&"
secrets = st.text(SECRET_SIGNS, min_size=12, max_size=40).filter(
    lambda text: any(map(str.isalpha, text)) and any(map(str.isdigit, text))
)
"""Whatever may look like one."""
CARRIERS = (
    *("token={}", "password is {}", "x-api-key: {}", "Authorization: Bearer {}", "Cookie: sid={}; a=b"),
    *("https://h.example/d?sig={}&b=1", "https://jane:{}@h.example/x", "AccountKey={};x"),
    *('{{"password": "{}"}}', "mail {}@acme.example to me"),
)
FIELDS = st.sampled_from(["note", "label", "tin", "value", "password", "employer_id", "url", "a b", "", "é"])
DUMP = """
import runkit
data = runkit.report_data()
for name, df in data.frames.items():
    print(name, df.to_csv())
    df
print(data.answers.to_csv(), *(run.to_json() for run in data.runs))
data.frames.steps
"""


def material(source: object) -> tuple[ReportData, Masker]:
    """What a report hands to its template, and what masked it."""
    masker = Masker(Redaction())
    return redact_source(read_source(source), masker), masker


@st.composite
def planted(draw: st.DrawFn) -> tuple[Json, str]:
    """A run with a secret where it is found, and again in any other places."""
    secret = draw(secrets)
    around = draw(st.sampled_from(["{}", "x{}y", "see {} there", "\n{}\n", "<b>{}</b>", '"{}"', "é{}"]))
    again = around.format(secret)
    inner = draw(st.sampled_from(["value", "name", "list"]))
    field = draw(FIELDS)
    held = {again: draw(json_values)} if inner == "name" else {field: [again] if inner == "list" else again}
    payload = nested(held, draw(st.sampled_from([0, 1, 3, 300])), name=draw(st.sampled_from([None, "a"])))
    carrier = draw(st.sampled_from(CARRIERS)).format(secret)
    other = artifact(
        again, summary=draw(unicode_texts) + again, sources=[{"url": f"https://a.example/{secret}"}]
    )
    label, agent = draw(st.permutations([carrier, again]))
    steps = [step("a", result={"value": payload}, artifacts=[other]), step("b", label=label, agent=agent)]
    return run(*steps, run_id=draw(st.sampled_from(["r", again]))), secret


@cache
def report_folder() -> tuple[TemporaryDirectory[str], Path]:
    """A folder with a template that shows all it has."""
    folder = TemporaryDirectory()
    return folder, write_template(Path(folder.name) / "dump.ipynb", "# Dump", *DUMP.split("===\n"))


@pytest.fixture(scope="module", autouse=True)
def kernels() -> Iterator[None]:
    """Only a search starts kernels: two examples show as much without."""
    with pytest.MonkeyPatch.context() as patch:
        if not TIMES:
            patch.setattr(templates, "execute", execute_here)
        yield


@fuzz(4)
@given(
    st.lists(planted(), min_size=1, max_size=12),
    st.sampled_from(["run", "fleet", "dump"] if TIMES else ["dump"]),
)
def test_no_found_value_is_left_in_a_file(cases: list[tuple[Json, str]], template: str) -> None:
    """And the report is made, whatever the runs hold."""
    folder, dump = report_folder()
    runs = [one | {"id": f"{one['id']} {number}"} for number, (one, _) in enumerate(cases)]
    source: Any = runs[0] if template == "run" else runs
    _, masker = material(source)
    path = Path(folder.name) / "report.html"
    done = make(source, path, template=dump if template == "dump" else template)
    written = done.page[done.page.index("<main>") :] + json.dumps(done.notebook, ensure_ascii=False)
    assert not [secret for secret in masker.secrets if secret in written]
