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

from fuzz.made import TIMES, Case, fuzz, json_values, mangled, nested, python_values, texts, unicode_texts
from runkit import jsontext
from runkit.errors import DataError, UsageError
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


def strings(value: Any) -> Iterator[str]:
    """All texts and names of a value, without recursion."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            stack += item


def texts_of(done: ReportData) -> Iterator[str]:
    """All that a template can see."""
    for one in done.runs:
        yield from strings(one.to_dict())
    for _, df in done.frames.items():
        for column in df.select_dtypes(["str", "category"]):
            yield from df[column].dropna().astype("str")


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


@fuzz(40)
@given(planted())
def test_no_found_value_is_left_in_what_a_template_sees(case: tuple[Json, str]) -> None:
    """Neither in a text nor in a name of runs and frames; what came is not touched."""
    source, _ = case
    before = jsontext.dumps(source)
    done, masker = material(source)
    seen = list(texts_of(done))
    for secret in masker.secrets:
        assert not [text for text in seen if secret in text]
    assert jsontext.dumps(source) == before


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


@fuzz(15)
@given(
    secrets,
    json_values,
    st.sampled_from(["label", "agent", "name", "id", "summary", "title", "url", "result"]),
)
def test_a_secret_in_any_column_goes(secret: str, value: Any, where: str) -> None:
    """Runs as objects and as frames, ids that join too."""
    item = step("a", artifacts=[artifact(sources=[{"url": "https://a.example"}])])
    places = dict.fromkeys(("label", "agent", "name", "id"), item) | {"summary": item["artifacts"][0]}
    places |= {"title": item["artifacts"][0], "url": item["artifacts"][0]["sources"][0]}
    if where == "result":
        item["result"] = {"value": [value, {"token": secret}]}
    else:
        places[where][where] = f"about 'token': '{secret}' here"
    done, masker = material(run(item, requester={"id": "u", "name": f"of {secret}"}))
    for found in masker.secrets:
        assert not [text for text in texts_of(done) if found in text]
    if where == "result":
        [(name, mask)] = json.loads(done.frames.steps["result"][0])["value"][1].items()
        assert (name, mask[:5]) == ("token", "[key ")


@fuzz(20)
@given(mangled(python_values).map(Case))
def test_any_run_is_masked(case: Case) -> None:
    """Whatever can be a run, and its frames, whose columns stay as they are."""
    try:
        source = read_source([case.value])
    except DataError as error:
        assert "is not JSON" in str(error)  # noqa: PT017 - most go on
        return
    done, masker = material(source.frames)
    for name, df in source.frames.items():
        assert getattr(done.frames, name).dtypes.astype("str").tolist() == df.dtypes.astype("str").tolist()
        assert len(getattr(done.frames, name)) == len(df)
    assert repr(masker)


@fuzz(30)
@given(json_values)
def test_masking_keeps_the_shape(value: Any) -> None:
    """As many names and items as before."""
    try:
        done, _ = material(run(step("a", result={"it": value})))
    except DataError:
        return
    for one in done.runs:
        assert shape(one.to_dict()["steps"][0]["result"]["it"]) == shape(value)


def shape(value: Any) -> list[int]:
    """Sizes of all objects and lists, in order."""
    sizes, stack = [], [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict | list):
            sizes.append(len(item))
            stack += item.values() if isinstance(item, dict) else item
    return sizes


@fuzz(30)
@given(texts, st.sampled_from([0, 2, 4]))
def test_any_text_is_masked_once(text: str, keep_last: int) -> None:
    """Half pairs, controls, masks that came from outside."""
    masker = Masker(Redaction(keep_last=keep_last))
    for given_ in (
        text,
        text * 3,
        f"12-3456789 {text}",
        f"{text} jane@a.example",
        f"[ein 1] {text} 98-7654321",
    ):
        masked = masker.text(given_)
        assert "3456789" not in masked
        assert "jane@" not in masked
        assert masker.text(masked) == masked


@pytest.mark.parametrize("levels", [30, 300])
def test_names_and_values_far_down(levels: int) -> None:
    """A secret under a telling name and one in a name, in objects and in lists."""
    for name in (None, "a"):
        value = nested({"password": "correct-horse-7", "12-3456789": 1, "tin": 123456789}, levels, name=name)
        done, _ = material(run(step("a", result={"it": value})))
        for one in done.runs:
            assert "horse" not in one.to_json()
            assert "3456789" not in one.to_json()


@fuzz(20)
@given(unicode_texts, texts)
def test_any_pattern_is_used_or_refused(name: str, pattern: str) -> None:
    """A policy is checked when it is made."""
    try:
        policy = Redaction(patterns={name: pattern})
    except UsageError:
        return
    assert Masker(policy).text("some text")
