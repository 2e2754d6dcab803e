"""A planted secret is in no finished file, wherever it stood; and no input makes a report impossible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runkit.reports import templates
from runkit.reports.bundle import read_source, redact_source
from runkit.reports.redaction import Masker, Redaction
from strategies import TIMES, fuzz, json_values, nested, unicode_texts
from support import artifact, run, step
from tests.reports.conftest import execute_here, make, write_template

Json = dict[str, Any]
SECRET_SIGNS = "abcXYZ0189éд!#$%*+./:=?@^_|~-&"
secrets = st.text(SECRET_SIGNS, min_size=12, max_size=40).filter(
    lambda text: any(map(str.isalpha, text)) and any(map(str.isdigit, text))
)
"""Whatever may look like one."""
CARRIERS = (
    *(
        "token={}",
        "password is {}",
        "x-api-key: {}",
        "Authorization: Bearer {}",
        "Cookie: sid={}; a=b",
    ),
    *("https://h.example/d?sig={}&b=1", "https://jane:{}@h.example/x", "AccountKey={};x"),
    *('{{"password": "{}"}}', "mail {}@acme.example to me"),
)
AROUND = ("{}", "x{}y", "see {} there", "\n{}\n", "<b>{}</b>", '"{}"', "é{}")
FIELDS = ("note", "tin", "value", "password", "employer_id", "a b", "")
TEMPLATES = ("own", "run", "fleet") if TIMES else ("own",)
SHOW_ALL = """
import runkit
data = runkit.report_data()
for name, df in data.frames.items():
    print(name, df.to_csv())
print(data.answers.to_csv())
data.frames.steps
"""


@st.composite
def planted(draw: st.DrawFn) -> Json:
    """A run with a secret where it is found, and again in any other places."""
    secret = draw(secrets)
    again = draw(st.sampled_from(AROUND)).format(secret)
    field = draw(st.sampled_from(FIELDS))
    held = draw(st.sampled_from([{again: draw(json_values)}, {field: [again]}, {field: again}]))
    payload = nested(
        held, draw(st.sampled_from([0, 3, 300])), name=draw(st.sampled_from([None, "a"]))
    )
    sources = [{"url": f"https://a.example/{secret}"}]
    other = artifact(again, summary=draw(unicode_texts) + again, sources=sources)
    label, agent = draw(st.permutations([draw(st.sampled_from(CARRIERS)).format(secret), again]))
    steps = [
        step("a", result={"value": payload}, artifacts=[other]),
        step("b", label=label, agent=agent),
    ]
    return run(*steps, run_id=draw(st.sampled_from(["r", again])))


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
    st.sampled_from(["own", "run", "fleet"] if TIMES else ["own"]),
)
def test_no_found_value_is_left_in_a_file(
    tmp_path_factory: pytest.TempPathFactory, runs: list[Json], template: str
) -> None:
    """And the report is made, whatever the runs hold."""
    folder = tmp_path_factory.mktemp("report")
    own = write_template(folder / "own.ipynb", "# Own", SHOW_ALL)
    named = [raw | {"id": f"{raw['id']} {number}"} for number, raw in enumerate(runs)]
    source: Any = named[:1] if template == "run" else named
    masker = Masker(Redaction())
    redact_source(read_source(source), masker)
    done = make(source, folder / "report.html", template=own if template == "own" else template)
    written = done.page[done.page.index("<main>") :] + json.dumps(done.notebook, ensure_ascii=False)
    assert not [secret for secret in masker.secrets if secret in written]
