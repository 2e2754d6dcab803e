"""A planted secret goes, wherever it stands: in names and values of any JSON, frames and finished files."""

from __future__ import annotations

import base64
import binascii
import copy
import html
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runkit
from fuzz.made import Case, fuzz, json_values, mangled, nested, python_values, texts, unicode_texts
from runkit import jsontext
from runkit.errors import DataError, UsageError
from runkit.reports.masker import Masker
from runkit.reports.material import read_source
from runkit.reports.redaction import Redaction
from runkit.reports.scan import leaks
from support import artifact, run, step

Json = dict[str, Any]
SECRETS = st.sampled_from(
    [
        *("12-3456789", "98 7654321", "123-45-6789", "jane.doe@acme.example", "mk_live_abcdef012345"),
        *("https://me:hunter2secret@a.example/x", "Bearer abcdefghij0123456789klmno"),
        "https://a.example/d.pdf?X-Amz-Signature=deadbeef0123456789",
    ]
)
BARE = {
    "https://me:hunter2secret@a.example/x": "hunter2secret",
    "Bearer abcdefghij0123456789klmno": "abcdefghij0123456789klmno",
    "https://a.example/d.pdf?X-Amz-Signature=deadbeef0123456789": "deadbeef0123456789",
}
ENCODERS = [
    base64.b64encode,
    base64.urlsafe_b64encode,
    base64.b16encode,
    base64.encodebytes,
    binascii.hexlify,
]
FIELDS = st.sampled_from(["note", "label", "tin", "value", "password", "employer_id", "url", "a b", "", "é"])


def bare(secret: str) -> str:
    """The part of it that nobody may see."""
    return BARE.get(secret, secret)


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


@st.composite
def planted(draw: st.DrawFn) -> tuple[Any, str]:
    """Any JSON with a secret somewhere in it: as a value, inside a text, as a name, deep down."""
    secret = draw(SECRETS)
    text = draw(st.sampled_from(["{}", "see {} there", "\n{}\n", "<b>{}</b>", "({})", '"{}"'])).format(secret)
    inner: Any = draw(st.sampled_from(["value", "name", "list"]))
    field = draw(FIELDS)
    held = {text: draw(json_values)} if inner == "name" else {field: [text] if inner == "list" else text}
    held |= {
        name: value
        for name, value in draw(st.dictionaries(texts, json_values, max_size=2)).items()
        if name not in held
    }
    return nested(
        held, draw(st.sampled_from([0, 1, 3, 300])), name=draw(st.sampled_from([None, "a"]))
    ), secret


@fuzz(30)
@given(planted())
def test_a_planted_secret_goes(case: tuple[Any, str]) -> None:
    """Neither in a text nor in a name; masking again changes nothing; what came is not touched."""
    value, secret = case
    before = copy_of(value)
    masker = Masker(Redaction())
    masked = masker.json(value)
    assert not any(bare(secret) in text for text in strings(masked))
    assert jsontext.dumps(masker.json(masked)) == jsontext.dumps(masked)
    assert jsontext.dumps(value) == before
    written = jsontext.dumps(masked)
    assert leaks(written, masker) == {}


@fuzz(30)
@given(SECRETS, st.sampled_from(ENCODERS), unicode_texts, st.sampled_from(' \n"<>(),;:'))
def test_a_secret_in_other_signs_goes(
    secret: str, encode: Callable[[bytes], bytes], around: str, sign: str
) -> None:
    """Between any texts; masking again changes nothing, and nothing of it is left in the file."""
    word = encode(secret.encode()).decode().strip()
    masker = Masker(Redaction())
    masked = masker.text(f"{around}{sign}{word}{sign}{around}")
    assert word not in masked
    assert masker.text(masked) == masked
    assert leaks(masked, masker) == {}


@fuzz(30)
@given(st.binary(max_size=300), st.sampled_from(ENCODERS))
def test_what_is_no_text_stays(data: bytes, encode: Callable[[bytes], bytes]) -> None:
    """Pictures and digests: bytes that no text holds."""
    word = encode(b"\xff\x00" + data).decode().strip()
    assert Masker(Redaction()).text(word) == word


def copy_of(value: Any) -> str:
    """How it reads before anything is done to it."""
    return jsontext.dumps(value)


@fuzz(15)
@given(SECRETS, json_values, unicode_texts)
def test_a_finished_file_with_a_secret_is_found(secret: str, value: Any, around: str) -> None:
    """As it stands, as JSON, as HTML and as part of an address."""
    masker = Masker(Redaction())
    masker.json([{"x": secret}, value])
    for text in (secret, json.dumps({"x": secret}), html.escape(secret), quote(secret)):
        assert leaks(f"<p>{around} {text} {around}</p>", masker)


@fuzz(15)
@given(
    planted(),
    st.sampled_from(
        ["label", "agent", "name", "id", "summary", "title", "url", "result", "name of requester"]
    ),
)
def test_a_secret_in_any_column_goes(case: tuple[Any, str], where: str) -> None:
    """Runs as objects and as frames, ids that join too."""
    value, secret = case
    about = f"about {secret} here"
    item = step("a", artifacts=[artifact(sources=[{"url": "https://a.example"}])])
    source = run(item, requester={"id": "u", "name": "me"})
    places = {
        "label": item,
        "agent": item,
        "name": item,
        "id": item,
        "summary": item["artifacts"][0],
        "title": item["artifacts"][0],
        "url": item["artifacts"][0]["sources"][0],
    }
    if where == "result":
        item["result"] = {"value": value}
    elif where == "name of requester":
        source["requester"]["name"] = about
    else:
        places[where][where] = about
    masker = Masker(Redaction())
    f = masker.frames(runkit.frames(source))
    made = masker.run(runkit.Run.from_json(source))
    assert not any(bare(secret) in text for text in strings(jsontext.loads(made.to_json().encode())))
    for name, df in f.items():
        for column in df.select_dtypes(["str", "category"]):
            assert not df[column].astype("str").str.contains(bare(secret), regex=False).any(), (name, column)


@fuzz(20)
@given(mangled(python_values).map(Case))
def test_any_run_is_masked(case: Case) -> None:
    """Whatever can be a run, and its frames, whose columns stay as they are."""
    masker = Masker(Redaction())
    f = runkit.frames([case.value])
    masked = masker.frames(f)
    for name, df in f.items():
        assert getattr(masked, name).dtypes.astype("str").tolist() == df.dtypes.astype("str").tolist()
        assert len(getattr(masked, name)) == len(df)
    assert repr(masked)


@fuzz(30)
@given(json_values)
def test_masking_is_idempotent_and_keeps_the_shape(value: Any) -> None:
    """As many names and items as before, and a second time nothing changes."""
    masker = Masker(Redaction())
    masked = masker.json(value)
    again = masker.json(masked)
    assert jsontext.dumps(again) == jsontext.dumps(masked)
    assert shape(masked) == shape(value)


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
@given(texts, st.sampled_from([None, 0, 2, 4]))
def test_any_text_is_masked_once(text: str, keep_last: int | None) -> None:
    """Half pairs, controls, masks that came from outside."""
    masker = Masker(Redaction(keep_last=keep_last or 0))
    for given_ in (text, text * 3, f"12-3456789{text}", f"{text}jane@a.example", f"[ein 1]{text}98-7654321"):
        masked = masker.text(given_)
        assert masker.text(masked) == masked
        assert leaks(masked, masker) == {}


@pytest.mark.parametrize("levels", [300, 5_000])
def test_names_and_values_far_down(levels: int) -> None:
    """A secret under a telling name and one in a name, in objects and in lists."""
    for name in (None, "a"):
        value = nested({"password": "correct-horse-7", "12-3456789": 1, "tin": 123456789}, levels, name=name)
        masked = jsontext.dumps(Masker(Redaction()).json(value))
        assert "horse" not in masked
        assert "3456789" not in masked


@pytest.mark.parametrize(
    "value",
    [
        {1: "12-3456789", None: "a"},
        {("12-3456789",): 1},
        float("nan"),
        float("inf"),
        10**5000,
        {"tin": 10**5000},
        {"tin": float("nan")},
        {"tin": 12.5, "ssn": -0.0},
        {"password": {"a": 10**5000, "b": [1, None, True]}},
        ({"tin": "123456789"}, "123456789"),
        {"[ein 1]": "12-3456789", "12-3456789": "[ein 1]"},
        {"12-3456789": 1, "12 3456789": 2, "[ein 1]": 3},
    ],
    ids=lambda value: ascii(type(value).__name__),
)
def test_odd_values_are_masked(value: Any) -> None:
    """Numbers of any kind, names that are none, names that become equal."""
    masker = Masker(Redaction())
    masked = masker.json(copy.deepcopy(value))
    assert not any("3456789" in text for text in strings(masked))


@fuzz(20)
@given(unicode_texts, texts)
def test_any_pattern_is_used_or_refused(name: str, pattern: str) -> None:
    """A policy is checked when it is made."""
    try:
        policy = Redaction(patterns={name: pattern})
    except UsageError:
        return
    masker = Masker(policy)
    assert masker.text(masker.text("some text")) == masker.text("some text")


@fuzz(20)
@given(
    st.dictionaries(st.sampled_from(["patterns", "reveal", "keep_last"]), python_values, min_size=1).map(Case)
)
def test_any_policy_is_made_or_refused(case: Case) -> None:
    """Arguments of any kind are a policy or a `UsageError`."""
    try:
        policy = Redaction(**case.value)
    except UsageError as error:
        words = str(error)
    else:
        words = repr(policy)
        assert Masker(policy).text("x") == "x" or policy.patterns
    assert len(words) < 2_000


def _circle() -> Json:
    inside: list[Any] = []
    inside.append(inside)
    return {"new": inside}


@pytest.mark.parametrize("more", [{"new": float("nan")}, {"new": {1, 2}}, {1: 2}, _circle()], ids=ascii)
def test_what_no_report_can_hand_over_is_said_first(more: Json) -> None:
    """Before anything of it is masked."""
    with pytest.raises(DataError, match="is no JSON"):
        read_source([run() | more])
