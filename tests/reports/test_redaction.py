"""What is masked and what stays, row by row as README says it; and that equal things stay equal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runkit
from runkit.errors import UsageError
from runkit.reports._bundle import ReportData, make_masker, read_source, redact_source
from runkit.reports.redaction import Masker, Redaction
from support import artifact, question, run, step

EIN, EMAIL = "12-3456789", "jane.doe@acme.example"
KEY = "mk_live_abcdef0123456789"


def material(source: object) -> ReportData:
    """What a report on runs or frames hands to its template."""
    return redact_source(read_source(source), Masker(Redaction(), []))


def masked(text: str, policy: Redaction | None = None, keys: tuple[str, ...] = ()) -> str:
    """What becomes of a text."""
    return Masker(policy or Redaction(), keys).text(text)


def masked_json(value: Any, policy: Redaction | None = None) -> Any:
    """What becomes of a value in a result, which a frame holds as JSON text."""
    return json.loads(masked(json.dumps({"it": value}), policy))["it"]


# --------------------------------------------------------------------------------------- two tables

MASKED = [
    # keys by their form, and by the words before them
    (f"key {KEY}.", "key [key 1]"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
        "[key 1] RSA PRIVATE KEY-----",
    ),
    ("Authorization: Bearer 2026-02-03", "Authorization: Bearer [key 1]"),
    ("with bearer 0123456789abcdef, then", "with bearer [key 1], then"),
    ("Set-Cookie: id=a3f; Path=/; HttpOnly\nbody", "Set-Cookie: [key 1]\nbody"),
    ("AccountName=a;AccountKey=Zm9vYmFy+w==;End=b", "AccountName=a;AccountKey=[key 1];End=b"),
    ("token=cip_orchestrator, then", "token=[key 1], then"),
    ("(DB_PASSWORD=hunter22)", "(DB_PASSWORD=[key 1])"),
    ("password is Tr0ub4dor&3.", "password is [key 1]."),
    ("sent {'password': 'hunter'} there", "sent {'password': '[key 1]'} there"),
    # addresses that open a door
    (
        "https://h.example/d?a=1&X-Amz-Signature=ab%2F1&b=2 x",
        "https://h.example/d?a=1&X-Amz-Signature=[signed_url 1]&b=2 x",
    ),
    ("/in?state=CA&code=SplxlOBeZQQYbYS6WxSbIA", "/in?state=CA&code=[signed_url 1]"),
    ("https://jane:pw@acme.example/x", "https://[url_login 1]@acme.example/x"),
    (
        "to a%40b.example or ftp://jane:p%2Fw@localhost",
        "to [email 1] or ftp://[url_login 1]@localhost",
    ),
    # addresses for mail, in any script and spelling
    ("'jane@x.example' and mailto:JANE@x.example", "'[email 1]' and mailto:[email 1]"),
    ("jose\u0301@correo.example мария@пример.рф", "[email 1] [email 2]"),
    # tax and social security numbers in their dashed form, or beside a word that says what they are
    (f"EIN {EIN} or EIN12–3456789.", "EIN [ein 1] or EIN[ein 1]."),
    ("filed by 123-45-6789;", "filed by [ssn 1];"),
    ("The EIN submitted was 123456789.", "The EIN submitted was [ein 1]."),
    ("TIN mismatch: 123456789 vs 987654321", "TIN mismatch: [ein 1] vs [ein 2]"),
    ("corrected_tin: 523456789", "corrected_tin: [ein 1]"),
    ("gave 123456789 as the taxpayer id", "gave [ein 1] as the taxpayer id"),
    # escapes of JSON, HTML and addresses are undone once
    ("jane.doe&#64;acme.example jane.doe\\u0040acme.example", "[email 1] [email 1]"),
    ("&#49;2&#45;3456789 12%2D3456789 12-345\u200b6789", "[ein 1] [ein 1] [ein 1]"),
    ('sent {\\"password\\": \\"hunter\\"}', 'sent {\\"password\\": \\"[key 1]\\"}'),
]


@pytest.mark.parametrize(("text", "result"), MASKED)
def test_secrets_are_masked_and_nothing_around_them(text, result):
    """Where it was found, and nothing around it."""
    assert masked(text) == result


def examples(verdict: str) -> list[tuple[str, str]]:
    """Read texts that agents could write, and the part of each that must not be left."""
    lines = (Path(__file__).parent / "redaction.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [
        (json.loads(text), json.loads(part or '""')) for kind, text, part in rows if kind == verdict
    ]


def test_no_example_of_a_secret_is_left():
    secrets = examples("mask")
    assert len(secrets) > 500
    assert [text for text, part in secrets if part not in text] == []
    assert [text for text, part in secrets if part in masked(text)] == []


def test_no_ordinary_example_is_masked():
    ordinary = [text for text, _ in examples("keep")]
    assert len(ordinary) > 400
    assert [text for text in ordinary if masked(text) != text] == []


MASKED_JSON = [
    ({"token": "cip_orchestrator"}, {"token": "[key 1]"}),
    (
        {"X_API_KEY": "hunter", "secretKey": 12345678},
        {"X_API_KEY": "[key 1]", "secretKey": "[key 2]"},
    ),
    ({"api_key": {"value": "short"}}, {"api_key": {"value": "[key 1]"}}),
    ({"name": "password", "value": "hunter"}, {"name": "password", "value": "[key 1]"}),
    ([["Cookie", "sid=abc"], ["Accept", "*/*"]], [["Cookie", "[key 1]"], ["Accept", "*/*"]]),
    ({"tax_id": "123456789", "tin": 123456789.0}, {"tax_id": "[ein 1]", "tin": "[ein 1]"}),
    ({"employer_id": 12345678, "at": "01-2345678"}, {"employer_id": "[ein 1]", "at": "[ein 1]"}),
    ({"tin": {"submitted": 504336809}}, {"tin": {"submitted": "[ein 1]"}}),
    ({"ein": "１２-３４５６７８９"}, {"ein": "[ein 1]"}),
    ({"note": json.dumps({"password": "hunter"})}, {"note": '{"password":"[key 1]"}'}),
    ({EMAIL: 1, EMAIL.upper(): 2}, {"[email 1]": 1, "[email 1] (2)": 2}),
]

STAYS_JSON = [
    {"revenue": 250000000, "size": 12345678, "tax_amount": 250000000},
    {"tin_match": 5, "tin_score": 0.91, "tin_check": {"revenue": 250000000}},
    {"authorization": "granted", "token": {"symbol": "ACME"}, "private_key": "held in escrow"},
    {"tin": "verified", "ssn": None, "ein": True, "itin": "ending 6789"},
    {"pass": "hunter", "monkey": "a", "tokens": 512, "keyword": "x", "token": ""},
    ["password", "email"],
]


@pytest.mark.parametrize(("value", "result"), MASKED_JSON)
def test_secrets_in_json_are_masked_by_their_field(value, result):
    """By the name of its field, or a name beside it; and a text in it as any text."""
    assert masked_json(value) == result


@pytest.mark.parametrize("value", STAYS_JSON)
def test_words_counts_and_amounts_in_json_stay(value):
    """Names that only sound like it, words for a number, counts and amounts."""
    assert masked_json(value) == value


# ------------------------------------------------------------------------- what looks like a secret


CARRIERS = (
    *(
        "https://jane:{}@h.example",
        "https://h.example/d?sig={}",
        "x-api-key: {}",
        "Cookie: sid={}; a=b",
    ),
    *("password is {}", "token={}"),
)


def test_a_value_that_looks_secret_is_masked_everywhere():
    """Beside the place where it was found, in another frame, inside another word; with one mask."""
    secrets = [f"S3cr3t-Passw0rd-{n}" for n in range(len(CARRIERS))]
    runs = [
        run(
            step("s", label=f"{carrier.format(secret)} and x{secret}y"),
            requester={"id": "1", "name": secret},
            run_id=f"r{n}",
        )
        for n, (carrier, secret) in enumerate(zip(CARRIERS, secrets, strict=True))
    ]
    frames = material(runs).frames
    text = "".join(df.to_csv() for _, df in frames.items())
    assert "S3cr3t" not in text
    for label, name in zip(frames.steps["label"], frames.runs["requester"], strict=True):
        assert {*re.findall(r"\[\w+ \d+\]", label)} == {name}


def test_a_plain_word_is_masked_only_where_it_was_found():
    """Words, times, numbers, and what a report says by itself are not erased from the rest of it."""
    plain = ("cip_orchestrator", "hunter2", "2026-02-03T10:00:01Z", "1.23456789e-05", "two words 1")
    steps = [step(f"s{n}", label=f"of {v}!", result={"token": v}) for n, v in enumerate(plain)]
    done = material([run(*steps)]).frames.steps
    assert done["label"].tolist() == [f"of {value}!" for value in plain]
    tokens = [json.loads(result)["token"] for result in done["result"]]
    assert tokens == [f"[key {n}]" for n in range(1, len(plain) + 1)]


FOUND = {"token": "abc123def456"}


@pytest.mark.parametrize("more", [{"steps": [step("s", result=FOUND)]}, {"odd": FOUND}])
@pytest.mark.parametrize("order", [1, -1])
def test_a_secret_of_one_run_is_masked_in_others(more, order):
    """In whatever order they come; also in a field that frames leave out."""
    runs = [run(step("s", label="used abc123def456"), run_id="a"), run() | more][::order]
    assert "used [key 1]" in material(runs).frames.steps["label"].tolist()


def test_the_key_of_a_client_is_masked_whatever_its_format():
    """One that came in code, and not from the environment."""
    with runkit.Client("corporate-key", "http://127.0.0.1:1/v1"):
        assert make_masker(False).text("with corporate-key") == "with [key 1]"
    assert masked("old-key-2, old-key", keys=("old-key", "old-key-2")) == "[key 1], [key 2]"


def test_masks_number_the_values():
    """Different values differ, equal ones do not; the last digits stay only if asked for."""
    text = "12-3456789, 98-7654321, EIN 123456789, 111-22-3333"
    assert masked(text, Redaction(keep_last=4)) == (
        "[ein 1 …6789], [ein 2 …4321], EIN [ein 1 …6789], [ssn 1 …3333]"
    )


def test_masked_values_and_texts_are_counted():
    """A report can say how many values were masked, and in how many different texts."""
    texts = [f"{EIN} {EIN} 98-7654321 {EMAIL}", f"again {EIN}"]
    done = material([run(*(step(str(n), label=text) for n, text in enumerate(texts)))]).provenance
    assert done.masked == {"ein": 2, "email": 1}
    assert "Masked ein: 2 values in 2 texts; email: 1 value in 1 text" in done.facts["redaction"]


# --------------------------------------------------------------------------------------- the policy


def test_a_pattern_masks_under_its_name():
    """A pattern masks under its name, and takes nothing from the built-in rules where both match."""
    policy = Redaction(patterns={"case": r"C-\d+", "end": re.compile(r"\d{4}\b")})
    assert masked(f"C-77 of {EIN}", policy) == "[case 1] of [ein 1]"
    assert masked_json({"LIC-1": ["of LIC-2"]}, Redaction(patterns={"license": r"LIC-\d"})) == {
        "[license 1]": ["of [license 2]"]
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reveal": ["emial"]}, "Did you mean 'email'"),
        ({"reveal": ["key"]}, "reveal='key' is not known"),
        ({"patterns": {"x": "("}}, "not a valid regular expression"),
        ({"patterns": {"x": "a*"}}, "matches empty text"),
        ({"patterns": {"ein": "a"}}, "built-in"),
        ({"patterns": {"a]": "a"}}, "expected 1 to 40"),
        ({"keep_last": 5}, "keep_last=5"),
    ],
)
def test_a_wrong_policy_is_refused(arguments, words):
    """The error says what was given and what is expected."""
    with pytest.raises(UsageError, match=re.escape(words)):
        Redaction(**arguments)


def test_revealed_values_stay_and_keys_are_always_masked():
    """Without a policy only keys are masked, and the keys of this process in any case."""
    text = f"{EIN} {EMAIL} {KEY} and corporate-key"
    assert (
        masked(text, Redaction(reveal=["ein", "email"]))
        == f"{EIN} {EMAIL} [key 1] and corporate-key"
    )
    only_keys = Masker(None, ["corporate-key"])
    assert only_keys.text(text) == f"{EIN} {EMAIL} [key 1] and [key 2]"


def test_a_pattern_masks_no_part_of_an_id():
    """Ids join and are asked for; a pattern that matches one as a whole masks it all the same."""
    run_id = "be77c031-13f2-5139-b7f1-6004133bf42b"
    policy = Redaction(patterns={"phone": r"\d{3}-?\d{4}"})
    assert masked(run_id, policy) == run_id
    assert masked("call 555-0134", policy) == "call [phone 1]"
    assert masked(run_id, Redaction(patterns={"id": r"be77[0-9a-f-]+"})) == "[id 1]"


# ---------------------------------------------------------------------------- runs and their frames


def test_frames_are_masked_as_runs_are():
    """A report on frames works where one on their runs does, and says the same; dtypes stay."""
    both = f"{EIN} {EMAIL}"
    finding = artifact(
        both, summary=both, type=both, sources=[{"url": f"https://h.example/{EIN}?e={EMAIL}"}]
    )
    result = {"deep": [{both: {"tin": 123456789, "at": f"x\\u0031{EMAIL}"}}], "resolution": both}
    steps = [
        step(both, label=both, agent=both, artifacts=[finding], result=result),
        question("q", 1, None),
    ]
    raw = run(*steps, run_id=both, agent=both, status=both, requester={"id": both, "name": both})
    of_runs = material(raw).frames
    of_frames = material(runkit.frames(raw)).frames
    for name, df in of_runs.items():
        pd.testing.assert_frame_equal(of_frames[name], df)
        assert df.dtypes.map(type).equals(runkit.frames(raw)[name].dtypes.map(type))
        assert not re.search(r"12-3456789|123456789|jane\.doe|acme\.example", df.to_csv())
