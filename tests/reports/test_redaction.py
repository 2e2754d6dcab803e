"""What is masked, what is not, and that equal things stay equal."""

import re
import traceback

import pandas as pd
import pytest

import runkit
from runkit import jsontext
from runkit.errors import UsageError
from runkit.reports.masker import Masker
from runkit.reports.redaction import Redaction
from runkit.tables.linked import Coverage, Frames
from support import artifact, question, run, step

EIN, EMAIL = "12-3456789", "jane.doe@acme.example"
KEY = "mk_live_abcdef0123456789"


def mask(text, policy=None, secrets=()):
    return Masker(policy or Redaction(), secrets).text(text)


@pytest.mark.parametrize("sep", ["-", " ", "\u00a0", "\u2011", "–", "−", " - ", "+", "%2D", "%E2%80%91"])
@pytest.mark.parametrize("sep2", ["&#45;", "&ndash;", "\\u002d", "\\u2011", "&amp;#45;", "\u200b-", ""])
def test_an_ein_is_one_value_in_every_spelling(sep, sep2):
    """Dashes, blanks, escapes and no sign at all between the digits give one mask."""
    assert mask(f"EIN 12{sep}3456789 or (12{sep2}3456789).") == "EIN [ein 1] or ([ein 1])."


@pytest.mark.parametrize("sep", ["-", " ", "\u00a0", "\u2011", "%2D", "&#x2d;", "\\u2013"])
def test_an_ssn_is_masked_in_every_spelling(sep):
    """Three, two and four digits with one kind of sign between them."""
    assert mask(f"SSN: 123{sep}45{sep}6789;") == "SSN: [ssn 1];"


@pytest.mark.parametrize("sep", ["-\n   ", ".", "/", "_", "·"])
def test_an_ssn_is_masked_over_lines_and_with_other_signs(sep):
    """A line that ends after a dash, and the signs that forms put between the groups."""
    assert mask(f"SSN 123{sep}45{sep}6789;") == "SSN [ssn 1];"


@pytest.mark.parametrize("number", [123456789, 123456789.0, -123456789])
def test_a_number_of_nine_digits_is_masked(number):
    """Whatever kind of number JSON made of it."""
    assert Masker(Redaction()).json({"x": number}) == {"x": "[ein 1]"}


@pytest.mark.parametrize("name", ["ein", "ssn"])
def test_the_pieces_of_a_tax_number_are_masked(name):
    """They stand under its name."""
    masked = Masker(Redaction()).json(
        {name: {"prefix": "12", "area": "123", "group": "45", "suffix": "3456789"}}
    )
    assert all(piece.startswith(f"[{name} ") for piece in masked[name].values())


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "x-api-key",
        "X_API_KEY",
        "passwd",
        "db_password",
        "secretKey",
        "secret_access_key",
        "idToken",
        "Set-Cookie",
    ],
)
def test_what_stands_under_the_name_of_a_key_is_masked(name):
    """However the name is written, and whatever the value looks like."""
    assert Masker(Redaction()).json({name: "hunter"}) == {name: "[key 1]"}


@pytest.mark.parametrize(
    "parameter",
    [
        *("code_verifier", "client_assertion", "device_code", "id_token_hint", "subject_token"),
        *("oauth_token", "oauth_verifier", "oauth_signature", "client_secret", "refresh_token"),
        *("X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Key-Pair-Id", "Expires"),
        *("X-Goog-Signature", "GoogleAccessId", "sig", "x-oss-signature", "OSSAccessKeyId"),
        *("SAMLResponse", "jsessionid", "PHPSESSID", "session_id"),
    ],
)
def test_parameters_that_open_doors(parameter):
    """Those of OAuth, SAML, sessions, and the signed links of AWS, Google, Azure and Alibaba."""
    assert mask(f"https://h.example/d?a=1&{parameter}=ab") == "https://h.example/d?[signed_url 1]"


@pytest.mark.parametrize("parameter", ["code", "state", "nonce", "ticket"])
def test_parameters_that_open_doors_when_they_are_long(parameter):
    """Short ones are codes of trades and states of the Union."""
    assert mask(f"/d?{parameter}={'a1' * 8}") == "/d?[signed_url 1]"
    assert mask(f"/d?{parameter}={'a' * 15}") == f"/d?{parameter}={'a' * 15}"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"name": "password", "value": "hunter"}, {"name": "password", "value": "[key 1]"}),
        ({"key": "x-api-key", "value": ["a"]}, {"key": "x-api-key", "value": ["[key 1]"]}),
        ({"field": "ssn", "value": "ending 6789"}, {"field": "ssn", "value": "[ssn 1]"}),
        ({"label": "TIN", "value": 12345678}, {"label": "TIN", "value": "[ein 1]"}),
        ({"Key": "DB_PASSWORD", "Value": "x"}, {"Key": "DB_PASSWORD", "Value": "[key 1]"}),
        (["Authorization", "Bearer abc"], ["Authorization", "[key 1]"]),
        ([["Cookie", "sid=abc"], ["Accept", "*/*"]], [["Cookie", "[key 1]"], ["Accept", "*/*"]]),
    ],
)
def test_a_name_that_stands_beside_its_value(value, masked):
    """It counts as if it were the name of the field."""
    assert Masker(Redaction()).json(value) == masked


@pytest.mark.parametrize(
    "value",
    [
        {"label": "Tax ID", "value": "verified"},
        {"name": "password", "value": None, "size": "hunter"},
        {"title": "password", "value": "hunter"},
        {"name": {"password": None}, "value": "hunter"},
        *(
            ["password", "email"],
            ["password", "two words"],
            ["ein", 5],
            ["ssn", True],
            ["password", "a1", "b2"],
        ),
    ],
)
def test_what_stands_beside_no_name_of_its_own_stays(value):
    """Words for a number, other fields, two names in a list, and counts."""
    assert Masker(Redaction()).json(value) == value


def test_a_name_beside_its_value_in_text():
    """JSON, or what Python prints, inside a text."""
    for quoted in ('{"name": "password", "value": "hunter"}', "{'name': 'api_key', 'value': 'hunter'}"):
        assert mask(f"sent {quoted}") == f"sent {quoted.replace('hunter', '[key 1]')}"


def test_a_value_named_beside_it_is_masked_in_all_places():
    """As one under its own name is, in objects and in lists."""
    for pair in ({"name": "password", "value": "tr0ub4dor-3"}, ["X-Api-Key", "tr0ub4dor-3"]):
        assert Masker(Redaction()).json([{"log": "in with tr0ub4dor-3"}, pair])[0] == {
            "log": "in with [key 1]"
        }


@pytest.mark.parametrize("name", ["pass", "monkey", "tokens", "secretary", "keyword"])
def test_what_only_sounds_like_the_name_of_a_key_stays(name):
    """An outcome, a count and ordinary words."""
    assert Masker(Redaction()).json({name: "hunter"}) == {name: "hunter"}


@pytest.mark.parametrize(
    "token",
    [
        "xoxb-123456789012-abcdefghijklmnop",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "glpat-abcdefghijklmnop1234",
        "github_pat_11ABCDEFG0abcdefghijkl",
        "npm_abcdefghijklmnopqrstuvwxyz0123456789",
        "hf_abcdefghijklmnopqrstuvwx",
        "pypi-AgEIcHlwaS5vcmcCJGFiY2RlZg",
        "SG.abcdefghijklmnopqrst.uvwxyzabcdefghijklmn",
        "ASIAABCDEFGHIJKLMNOP",
    ],
)
def test_tokens_of_known_services_are_masked(token):
    """They are told by their form."""
    assert mask(f"used {token}, then") == "used [key 1], then"


@pytest.mark.parametrize(
    "said", ["token=", "token: ", "password = ", "api key: ", "aws_secret_access_key=", "pwd="]
)
def test_what_is_called_a_key_is_masked(said):
    """By the words before it."""
    assert mask(f"with {said}abcdef123456 now") == f"with {said}[key 1] now"


@pytest.mark.parametrize("at", ["@", "%40", "\\u0040", "&#64;", "&#x40;", "&commat;", "%2540"])
def test_an_address_for_mail_is_one_value_in_every_spelling(at):
    """However the @ is written."""
    assert mask(f"<{EMAIL}> jane.doe{at}acme.example!") == "<[email 1]> [email 1]!"


@pytest.mark.parametrize(
    "text",
    ["jörg@müller.example", "o'brien+tax@mail.co.example", "jose\u0301@correo.example", "мария@пример.рф"],
)
def test_mail_in_any_script(text):
    """Letters of all scripts, marks and apostrophes are part of an address."""
    assert mask(f"to {text}, please") == "to [email 1], please"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"key {KEY}.", "key [key 1]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [key 1]"),
        ('{"authorization":"Basic dXNlcjpw"}', '{"authorization":"Basic [key 1]"}'),
        ("bearer 0123456789abcdef", "bearer [key 1]"),
        ("jwt eyJhbGciOi.eyJzdWIiOiIx.c2ln-_x", "jwt [key 1]"),
        ('{"password": "hunter2"}', '{"password": "[key 1]"}'),
        ("its=tr0ub4dor here", "its=[key 1] here"),
        ("https://h.example/d?a=1&X-Amz-Signature=ab%2F1 x", "https://h.example/d?[signed_url 1] x"),
        ("https://h.example/d?a=1\\u0026q=x%20y\\u0026sig=abc", "https://h.example/d?[signed_url 1]"),
        ("https://h.example/#access_token=abc", "https://h.example/#[signed_url 1]"),
        ("https://h.example/a;sig=abc/b", "https://h.example/a;[signed_url 1]"),
        ("…ad/x&sig=abc&se=2026", "…ad/x&[signed_url 1]"),
        ("/in?state=CA&code=SplxlOBeZQQYbYS6WxSbIA", "/in?[signed_url 1]"),
        ("https://jane:pw@acme.example/x", "https://[url_login 1]@acme.example/x"),
    ],
)
def test_keys_and_addresses_that_open_doors(text, masked):
    """Of an address, all stays but what opens the door."""
    assert mask(text, secrets=["tr0ub4dor"]) == masked


@pytest.mark.parametrize(
    "text",
    [
        "b1500000-0000-4000-8000-123456789012",
        "step 0d7e1c12-3456-4789-ab12-1234567abcde",
        "…-ab12-1234567abcde and c0ffee123456789",
        "2026-02-03T10:00:00.123456789Z",
        "took 12.123456789 s, 300 s, 5 min 0 s",
        "+1 (555) 123-4567, 555-123-4567, +49 30 1234567",
        "Reno, NV 89501-1234",
        "1234567890 and 20260203100000",
        "https://h.example/search?q=monkey&page=2#top",
        "https://h.example/search?code=541511&state=CA&keyword=tokens",
        "R&D; design=5, a&nbsp;b&lt;c",
        "bearer shares, a token of thanks, Basic checks; authorization: pending",
        "react@18.2.0, 5 items @ 1.50, @handle",
        "a key starts with mk_live_ or mk_test_",
    ],
)
def test_what_is_no_secret_stays(text):
    """Ids, times, telephone numbers, long numbers and prose come through untouched."""
    assert mask(text) == text


def test_masks_number_the_values():
    """Different values differ, equal ones do not; the last digits stay only if asked for."""
    masked = mask("12-3456789, 98-7654321, 123456789, 111-22-3333", Redaction(keep_last=4))
    assert masked == "[ein 1 …6789], [ein 2 …4321], [ein 1 …6789], [ssn 1 …3333]"


def test_counts_tell_values_and_places():
    """A report can say how many values were masked and in how many places."""
    masker = Masker(Redaction())
    masker.text(f"{EIN} {EIN} 98-7654321 {EMAIL}")
    assert masker.counts == {"ein": 2, "email": 1}
    assert masker.occurrences == {"ein": 3, "email": 1}
    assert masker.sought == {EIN: "ein", "98-7654321": "ein", EMAIL: "email"}


def test_nothing_is_shown_by_accident():
    """Neither a repr nor an error holds a value."""
    masker = Masker(Redaction(patterns={"person": "Jane Doe"}), [KEY])
    masker.text(f"{EIN} Jane Doe")
    assert EIN not in repr(masker)
    assert "Jane" not in repr(Redaction(patterns={"person": "Jane Doe"}))
    with pytest.raises(TypeError) as caught:
        masker.__reduce__()
    assert EIN not in "".join(traceback.format_exception(caught.value))


def test_own_patterns():
    """A pattern masks under its name, and takes nothing from the built-in rules where both match."""
    policy = Redaction(patterns={"case": r"C-\d+", "end": re.compile(r"\d{4}\b")})
    assert mask(f"C-77 of {EIN}", policy) == "[case 1] of [ein 1]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reveal": ["emial"]}, "Did you mean 'email'"),
        ({"reveal": ["key"]}, "masked in every report"),
        ({"patterns": {"x": "("}}, "no regular expression"),
        ({"patterns": {"x": "a*"}}, "matches the empty text"),
        ({"patterns": {"x": 5}}, "no regular expression"),
        ({"patterns": {"ein": "a"}}, "built-in"),
        ({"patterns": {"a]": "a"}}, "expected 1 to 40"),
        ({"keep_last": 5}, "0 to 4"),
        ({"keep_last": True}, "0 to 4"),
    ],
)
def test_a_policy_that_cannot_be_used(arguments, words):
    """The error says what was given and what is expected."""
    with pytest.raises(UsageError, match=re.escape(words)):
        Redaction(**arguments)


def test_what_is_revealed_stays_and_keys_never_do():
    """Without a policy only keys are masked."""
    text = f"{EIN} {EMAIL} {KEY}"
    assert mask(text, Redaction(reveal=["ein", "email"])) == f"{EIN} {EMAIL} [key 1]"
    assert Masker(None, ["pass phrase"]).text(text + " pass phrase") == f"{EIN} {EMAIL} [key 1] [key 2]"


def test_values_under_telling_names():
    """Numbers, lists and short forms count by the name of their field; words, null and flags stay."""
    value = {
        "Tax-ID": 123456789,
        "tin": {"tin": "98 7654321", "name": "Acme", "value": [1234567]},
        "ssn": ["111223333", None, True, "verified"],
        "ein": "ending 6789",
        "api_key": {"value": "short"},
        "tin_match": 5,
        "type": "activity",
    }
    assert Masker(Redaction()).json(value) == {
        "Tax-ID": "[ein 1]",
        "tin": {"tin": "[ein 2]", "name": "Acme", "value": ["[ein 3]"]},
        "ssn": ["[ssn 1]", None, True, "verified"],
        "ein": "[ein 4]",
        "api_key": {"value": "[key 1]"},
        "tin_match": 5,
        "type": "activity",
    }


def test_a_value_known_from_one_place_is_masked_in_all():
    """A password under its name, and the digits of an EIN as a number, elsewhere and earlier too."""
    value = [{"log": "in with tr0ub4dor-3"}, {"n": 123456789}, {"password": "tr0ub4dor-3", "t": EIN}]
    masked = [{"log": "in with [key 1]"}, {"n": "[ein 1]"}, {"password": "[key 1]", "t": "[ein 1]"}]
    assert Masker(Redaction()).json(value) == masked


def test_a_number_that_a_later_name_tells_is_masked():
    """A number that has lost its zeros, under a name that says nothing, before one that speaks of tax."""
    value = {"x": 12345678, "employer_id": 12345678}
    assert Masker(Redaction()).json(value) == {"x": "[ein 1]", "employer_id": "[ein 1]"}


def test_learning_changes_masks_only_elsewhere():
    """What is learned first is masked in what comes after, and is no place yet."""
    masker = Masker(Redaction())
    masker.learn([{"n": 1}, {"ein": EIN}])
    assert masker.occurrences == {}
    assert masker.json({"n": 123456789}) == {"n": "[ein 1]"}


def test_names_in_json_are_masked_and_stay_apart():
    """No value is lost when two names become equal."""
    masked = Masker(Redaction()).json({EIN: 1, "123456789": 2, EMAIL: 3})
    assert masked == {"[ein 1]": 1, "[ein 1] (2)": 2, "[email 1]": 3}


def test_json_inside_text_stays_json():
    """An escape before a secret goes with it as a whole."""
    inner = jsontext.dumps({"note": f"a\n{EMAIL}\n{EIN}", "more": jsontext.dumps({"x": f"\t{EMAIL}"})})
    masked = Masker(Redaction()).json({"text": inner})["text"]
    assert EMAIL not in masked
    assert jsontext.loads(jsontext.loads(masked.encode())["more"].encode())["x"].endswith("[email 1]")


def test_any_depth():
    """As deep as JSON text is written, and what came in is not changed."""
    value = inner = []
    for _ in range(300):
        inner.append({"steps": []})
        inner = inner[0]["steps"]
    inner.append(EIN)
    masked = jsontext.dumps(Masker(Redaction()).json(value))
    assert masked.count("steps") == 300
    assert "[ein 1]" in masked
    assert inner == [EIN]


def poisoned():
    """A run with an EIN or an address for mail in every place that can hold text."""
    both = f"{EIN} {EMAIL}"
    found = artifact(both, summary=both, confidence=both, type=both, id=both)
    found["sources"] = [
        {"url": f"https://jane:pw123@h.example/{EIN}?sig=abcdef99&e={EMAIL}", "source_name": both},
        {"url": "https://h.example/jane.doe%40acme.example", "source_tier": both, "source_type": both},
    ]
    value = {"agent": both, "label": both, "artifacts": [found], "ein": 123456789}
    return run(
        step(
            both,
            label=both,
            name=both,
            agent=both,
            artifacts=[found],
            result={"deep": [{both: {"tin": 123456789, "at": f"x\\u0031{EMAIL}"}}], "resolution": both},
        ),
        step("s2", type=both, status=both, parent_step_id=both),
        question("q", 1, None, label=both, result={"interrupt_id": both}),
        run_id=both,
        end=None,
        thread_id=both,
        agent=both,
        business_id=both,
        status="interrupted",
        requester={"id": both, "name": both, "email": EMAIL},
        interrupts=[{"id": both, "value": value}],
        created_at="2026-02-03T10:00:00.123456Z",
        error={"title": both, "detail": f"key {KEY}"},
    )


SECRETS = ["12-3456789", "123456789", "jane.doe", "acme.example", "pw123", "abcdef99", KEY]


def test_a_run_stays_a_run():
    """Times and statuses come through, all else that tells is masked."""
    raw = runkit.Run.from_json(poisoned())
    masked = Masker(Redaction(patterns={"number": r"\d+", "word": "interrupted"})).run(raw)
    assert (masked.status, masked.created_at) == (raw.status, raw.created_at)
    text = masked.to_json()
    assert [secret for secret in SECRETS if secret in text] == []
    assert EIN in raw.to_json()


def test_no_file_of_the_frames_holds_a_secret(tmp_path):
    """Neither Parquet, its schema and dictionaries, nor CSV."""
    f = runkit.frames([poisoned(), run(step(f"x{EIN}", started_at=EMAIL), run_id="b", status=EMAIL)])
    f = Frames(**dict(f.items()), coverage=Coverage(2, 2, 0, f"cut at {EIN}"))
    masked = Masker(Redaction()).frames(f)
    masked.save(tmp_path)
    for name, df in masked.items():
        df.to_csv(tmp_path / f"{name}.csv")
        df.to_parquet(tmp_path / f"{name}.plain", compression=None)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir()).decode("latin-1")
    assert [secret for secret in SECRETS if secret in written] == []
    for name, df in f.items():
        assert list(map(str, masked_dtypes(getattr(masked, name)))) == list(map(str, masked_dtypes(df)))
        assert list(getattr(masked, name)) == list(df)
        assert len(getattr(masked, name)) == len(df)
    joined = masked.steps.merge(masked.runs, on="run_id")
    assert len(joined) == len(f.steps)


def masked_dtypes(df):
    """The dtypes, without the words of categories."""
    return [type(t) if isinstance(t, pd.CategoricalDtype) else t for t in df.dtypes]


def test_ids_join_across_frames_and_runs():
    """One masker gives a run and its frames the same ids."""
    masker, raw = Masker(Redaction()), poisoned()
    masked = masker.frames(runkit.frames(raw))
    assert masker.run(runkit.Run.from_json(raw)).id == masked.runs["run_id"].iloc[0]


def test_an_ordinary_run_is_not_masked():
    """The sandbox's runs hold registration numbers and last digits; none of them is taken for a secret."""
    with runkit.sandbox(history=20) as box, box.client() as client:
        runs = client.runs.fetch(client.runs.list(), progress=False)
    masker = Masker(Redaction())
    f = runkit.frames(runs)
    masked = masker.frames(f)
    for name, df in f.items():
        pd.testing.assert_frame_equal(getattr(masked, name), df)
    assert [masker.run(one) for one in runs] == list(runs)
    assert masker.counts == {}


def test_two_words_may_become_one():
    """Unknown statuses that are the same address end as one category."""
    f = runkit.frames([run(run_id=n, status=s) for n, s in [("a", EMAIL), ("b", EMAIL.upper())]])
    assert Masker(Redaction()).frames(f).runs["status"].tolist() == ["[email 1]", "[email 1]"]
