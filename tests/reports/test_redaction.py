"""What is masked, what stays, and what is missed, by the rules that README shows."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import runkit
from runkit.errors import UsageError
from runkit.reports.redaction import FIELD_RULES, RULES, Masker, Redaction
from runkit.reports.report_data import ReportData, make_masker, redact_source
from support import artifact, check_equal, run, step

EIN, EMAIL = "12-3456789", "jane.doe@acme.example"
KEY = "mk_live_abcdef0123456789"
ROOT = Path(__file__).parents[2]


def material(source: object) -> ReportData:
    """Return what a report on runs or frames hands to its template."""
    return redact_source(runkit.frames(source), Masker(Redaction()))


def masked(text: str, policy: Redaction | None = None, keys: tuple[str, ...] = ()) -> str:
    """Return what becomes of a text."""
    return Masker(policy or Redaction(), keys).text(text)


def masked_json(value: Any) -> Any:
    """Return what becomes of a value of JSON."""
    return json.loads(masked(json.dumps([value])))[0]


# ------------------------------------------------------------------------------------------ examples


def examples() -> list[Any]:
    """Read texts that agents could write, and the part of each that is masked or missed."""
    lines = (Path(__file__).parent / "redaction.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    return [(verdict, json.loads(text), json.loads(part or '""')) for verdict, text, part in rows]


@pytest.mark.parametrize(("verdict", "text", "part"), examples())
def test_an_example_is_masked_or_stays_or_is_a_known_miss(verdict, text, part):
    result = masked(text)
    assert part in text
    if verdict == "stays":
        assert result == text
    elif verdict == "masked":
        assert part not in result
    else:
        assert verdict == "known miss"
        assert part in result


NAMED = (
    *(
        "password",
        "DB_PASSWORD",
        "passphrase",
        "client_secret",
        "accessToken",
        "token",
        "x-api-key",
    ),
    *("aws_secret_access_key", "privateKey", "signing key"),
)


@pytest.mark.parametrize("name", NAMED)
def test_a_value_with_the_name_of_a_secret_is_masked(name):
    """Quoted or not, in JSON, in JSON inside a text or a text of JSON, in a URL."""
    value = "blue harbor"
    fields: list[Any] = [
        {name: value},
        {"a": [{name: {"value": value}}, {name: {"current": [value]}}]},
        {"name": name, "value": value},
        {"body": json.dumps({name: value})},
    ]
    texts = [json.dumps(item) for item in fields]
    texts += [f"got {fields[0]}", texts[0].replace('"', '\\"'), f"{name} = `{value}`, then"]
    texts += [f"https://x.example/?a=1&{name}=blue-harbor&b=2", f'{name} "{value}"']
    assert [text for text in texts if re.search("blue|harbor", masked(text))] == []
    stays = [{name: value} for value in (None, True, "")]
    assert [masked_json(item) for item in stays] == stays


@pytest.mark.parametrize(
    "name", ["ssn", "owner_ssn", "tin", "EIN", "taxId", "tax id", "federal_ein"]
)
def test_a_value_with_the_name_of_a_tax_number_is_masked_if_it_has_a_digit(name):
    assert masked_json({name: 4336809}) == {name: "[number 1 …09]"}
    assert masked_json({name: {"value": "ending 6789"}}) == {name: {"value": "[number 1]"}}
    stays = {name: "not found", f"{name}_status": "5 of 9", "martin": "C1"}
    assert masked_json(stays) == stays


# ------------------------------------------------------------------------------------------- masks


def test_masks_number_the_values_and_equal_ones_have_one_mask():
    text = "12-3456789, 98-7654321, EIN 123456789, 111-22-3333 of A@b.example and a@b.example"
    numbers = "[number 1 …89], [number 2 …21], EIN [number 1 …89], [number 3 …33]"
    assert masked(text) == f"{numbers} of [email 1] and [email 1]"


def test_only_the_value_is_masked_and_the_rest_of_a_text_stays():
    text = "„EIN 12–3456789“ – € 5 per ｍ², see https://jane:pw@x.example/a?token=abc&b=2."
    assert masked(text) == (
        "„EIN [number 1 …89]“ – € 5 per ｍ², see https://[secret 1]@x.example/a?token=[secret 2]&b=2."
    )


def test_two_fields_with_equal_masks_stay_apart():
    assert masked_json({EMAIL: 1, EMAIL.upper(): 2}) == {"[email 1]": 1, "[email 1] (2)": 2}


def test_a_long_text_takes_no_longer_than_its_length():
    """Texts that repeat what a rule begins with."""
    for part in ("a'", "a%2", "token:", "bearer ", "sk-", "eyJ-", "//a:", "@a.", "12-", 'key "'):
        masked((part * 100_000)[:100_000])


def test_values_are_counted_by_rule():
    texts = [f"{EIN} {EIN} 98-7654321 {EMAIL}", f"again {EIN}"]
    done = material([run(*(step(str(n), label=text) for n, text in enumerate(texts)))]).provenance
    assert done.masked == {"number": 2, "email": 1}
    assert "masked: 2 number, 1 email" in done.line


def test_the_key_of_a_client_is_masked_whatever_its_format():
    """One that came in code, and not from the environment."""
    with runkit.Client("corporate-key", "http://127.0.0.1:1/v1"):
        assert make_masker(False).text("with corporate-key") == "with [secret 1]"
    assert masked("old-key-2, old-key", keys=("old-key", "old-key-2")) == "[secret 1], [secret 2]"
    only_keys = Masker(None, ["corporate-key"])
    text = f"{EIN} {EMAIL} {KEY} and corporate-key"
    assert only_keys.text(text) == f"{EIN} {EMAIL} [secret 1] and [secret 2]"


# ---------------------------------------------------------------------------------------- last scan


@pytest.mark.parametrize("secret", [KEY, "harbor-12ab34cd56"])
def test_the_last_scan_finds_a_masked_value_under_escapes_and_in_images(secret):
    """In JSON, HTML and addresses, and in SVG images in base64 or percent-encoded."""
    masker = Masker(Redaction())
    masker.text(f"password={secret}")
    svg = f"<svg><text>{secret}</text></svg>"
    escaped = svg.replace("-", "&#45;").replace("_", "&#95;")
    files = [
        secret,
        secret.replace("-", "&#45;").replace("_", "\\u005f"),
        quote(secret).replace("-", "%2D").replace("_", "%5F"),
        f'<img src="data:image/svg+xml,{quote(escaped)}">',
        f'<img src="data:image/svg+xml;base64,{base64.b64encode(escaped.encode()).decode()}">',
    ]
    assert [masker.leaks(f"<p>{file}</p>") for file in files] == [{secret}] * len(files)
    assert masker.leaks("<p>[secret 1]</p>") == set()


def test_the_last_scan_finds_the_form_of_a_key_that_no_text_had():
    assert Masker(Redaction()).leaks(f"see {KEY}.") == {KEY}
    assert Masker(Redaction(keep=["mk_live_.*"])).leaks(f"see {KEY}.") == set()


# --------------------------------------------------------------------------------------- the policy


def test_a_pattern_masks_under_its_name():
    policy = Redaction(patterns={"case": r"C-\d+", "end": re.compile(r"no (?P<value>\d{4})\b")})
    text = f"C-77 of {EIN}, no 1234"
    assert masked(text, policy) == "[case 1] of [number 1 …89], no [end 1]"
    assert masked('{"C-1": ["of C-2"]}', policy) == '{"[case 1]":["of [case 2]"]}'


def test_values_to_keep_stay():
    policy = Redaction(keep=[r".*@acme\.example", r"12-\d+", "blue"])
    text = f"{EMAIL} b@c.example {EIN} 98-7654321 password=blue"
    assert masked(text, policy) == f"{EMAIL} [email 1] {EIN} [number 1 …21] password=blue"
    assert masked('{"token":"blue"}', policy) == '{"token":"blue"}'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"patterns": {"x": "("}}, "not a valid regular expression"),
        ({"patterns": {"x": "a*"}}, "matches empty text"),
        ({"patterns": {"email": "a"}}, "built-in"),
        ({"patterns": {"a]": "a"}}, "expected 1 to 40"),
        ({"patterns": {3: "a"}}, "expected 1 to 40"),
        ({"patterns": ["a"]}, "expected Mapping"),
        ({"keep": ["("]}, "keep is not a valid regular expression"),
        ({"keep": ".*@acme"}, "expected list"),
    ],
)
def test_a_wrong_policy_is_refused(arguments, words):
    """The error says what was given and what is expected."""
    with pytest.raises(UsageError, match=re.escape(words)):
        Redaction(**arguments)


def test_readme_shows_the_table():
    """A row for each name of a mask, with what it masks."""
    masks: dict[str, list[str]] = {}
    for name, words, _ in (*RULES, *FIELD_RULES):
        masks.setdefault(name, []).append(words)
    rows = [f"| `{name}` | {'; '.join(words)} |" for name, words in masks.items()]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [row for row in rows if row not in readme] == []


# ---------------------------------------------------------------------------- runs and their frames


def test_a_named_secret_is_masked_in_all_other_texts():
    """Beside the place where it was named, in another frame and run, with one mask."""
    first = run(step("s", label="used abc123def456"), requester={"id": "1", "name": "abc123def456"})
    second = run(step("s", result={"token": "abc123def456"}), run_id="b")
    frames = material([first, second]).frames
    assert "abc123" not in "".join(df.to_csv() for _, df in frames.items())
    assert "used [secret 1]" in frames.steps["label"].tolist()
    assert "[secret 1]" in frames.runs["requester"].tolist()


def test_a_plain_word_is_masked_only_where_it_was_named():
    raw = run(step("s", label="of hunter2!", result={"token": "hunter2"}))
    [row] = material(raw).frames.steps.to_dict("records")
    assert (row["label"], row["result"]) == ("of hunter2!", '{"token":"[secret 1]"}')


def test_ids_stay_and_frames_are_masked_as_runs_are():
    """A report on frames says the same as one on their runs."""
    both = f"{EIN} {EMAIL}"
    found = artifact(both, summary=both, sources=[{"url": f"https://h.example/{EIN}?e={EMAIL}"}])
    looked = step("a", label=both, artifacts=[found], result={"deep": [{both: {"tin": 123456789}}]})
    raw = run(looked, run_id="01HZX3V9K2M4N6P8Q0RSTUVWXY", status=both, requester={"name": both})
    of_runs = material(raw).frames
    check_equal(of_runs, material(runkit.frames(raw)).frames)
    for df in dict(of_runs).values():
        assert not re.search(r"12-3456789|123456789|jane\.doe|acme\.example", df.to_csv())
    assert of_runs.runs["run_id"].tolist() == [raw["id"]]
