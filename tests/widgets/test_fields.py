"""The inputs of a form, without a kernel, and what its browser part keeps on the Python side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ipywidgets as w
import pytest

from runkit.widgets.fields import FieldSet, path_class
from runkit.widgets.focus import Guard
from runkit.widgets.schema import Field, fields_of

HOSTILE = '<img src=x onerror=alert(1)> $x$ $$y$$ \\(z\\) \\begin{a} {0} "'
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["decision"],
    "properties": {
        "decision": {"type": "string", "title": "Decision", "enum": ["approve", "reject"]},
        "risk": {"type": "integer", "title": "Risk", "minimum": 1, "default": 3, "description": "1 is low"},
        "size": {"type": "string", "enum": ["S", "M"], "default": "M"},
        "note": {"type": "string", "title": "Reason", "maxLength": 500},
        "links": {"type": "array", "items": {"type": "string"}},
        "ask_again": {"type": "boolean", "title": "Ask again"},
        "sources": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["url"],
                "properties": {"url": {"type": "string"}, "seen": {"type": "string", "format": "date"}},
            },
        },
    },
}
SOURCES = [{"url": "https://a.example", "seen": "", "score": 0.5}, {"url": "https://b.example", "seen": ""}]


class Form:
    """A `FieldSet` with what it called back."""

    def __init__(self, schema: dict[str, Any] = SCHEMA, entries: dict[str, Any] | None = None) -> None:
        fields = fields_of(schema)
        assert fields is not None
        self.edits = 0
        self.focused: list[str] = []
        self.inputs = FieldSet(fields, entries, self._edited, prefix="card-1.", focus=self.focused.append)

    def _edited(self) -> None:
        self.edits += 1

    def all(self) -> Iterator[Any]:
        """All widgets, as they stand in the page."""

        def below(widget: Any) -> Iterator[Any]:
            yield widget
            for child in getattr(widget, "children", ()):
                yield from below(child)

        return below(self.inputs.box)

    def named(self, description: str) -> Any:
        """The one input or button with this description."""
        (found,) = (widget for widget in self.all() if getattr(widget, "description", "") == description)
        return found

    def html(self) -> str:
        """All HTML that is shown."""
        return "\n".join(widget.value for widget in self.all() if isinstance(widget, w.HTML))


def test_every_input_has_a_name() -> None:
    """Each input and button carries its own visible name; what is required says so in words."""
    form = Form(entries={"sources": SOURCES})
    controls = [part for part in form.all() if not isinstance(part, w.VBox | w.HTML)]
    assert [part.description for part in controls] == [
        "Decision (required)",
        "Risk",
        "Size",
        "Reason",
        "Links, one per line",
        "Ask again",
        "Source 1: url (required)",
        "Source 1: seen",
        "Remove source 1",
        "Source 2: url (required)",
        "Source 2: seen",
        "Remove source 2",
        "Add a source",
    ]


def test_inputs_lose_nothing() -> None:
    """Numbers and dates are typed as text, long texts have several lines, a choice is not made in advance."""
    form = Form()
    kinds = {name: type(form.named(name)) for name in ("Risk", "Reason", "Ask again")}
    assert kinds == {"Risk": w.Text, "Reason": w.Textarea, "Ask again": w.Checkbox}
    decision = form.named("Decision (required)")
    assert (decision.options[0], decision.index) == (("choose…", None), 0)
    assert [shown for shown, _ in form.named("Size").options] == ["S", "M"]
    form.named("Risk").value = "3,5"
    assert form.inputs.entries()["risk"] == "3,5"


def test_what_stands_in_the_inputs() -> None:
    """`entries` is JSON, and the same again after it was put back, whatever was typed."""
    form = Form(entries={"sources": SOURCES, "note": HOSTILE})
    form.named("Decision (required)").value = "reject"
    form.named("Risk").value = "many"
    entries = json.loads(json.dumps(form.inputs.entries()))
    assert entries == {
        "decision": "reject",
        "risk": "many",
        "size": "M",
        "note": HOSTILE,
        "links": "",
        "ask_again": False,
        "sources": SOURCES,
    }
    other = Form()
    other.inputs.set_entries(entries)
    assert other.inputs.entries() == entries
    other.inputs.set_entries({})
    assert other.inputs.entries() == Form().inputs.entries()


def test_edits_are_told() -> None:
    """Each edit by a person is told, also in a row; what the program puts in is not."""
    form = Form(entries={"sources": SOURCES})
    form.inputs.set_entries({"risk": 5, "sources": SOURCES[:1]})
    assert form.edits == 0
    form.named("Risk").value = "4"
    form.named("Source 1: url (required)").value = "x"
    form.named("Add a source").click()
    form.named("Remove source 2").click()
    assert form.edits == 4


def test_rows_keep_what_was_typed() -> None:
    """Adding and removing rows changes their numbers, not what stands in them, and says where to go on."""
    form = Form(entries={"sources": SOURCES})
    form.named("Add a source").click()
    form.named("Source 3: url (required)").value = "https://c.example"
    form.named("Remove source 2").click()
    assert form.inputs.entries()["sources"] == [SOURCES[0], {"url": "https://c.example", "seen": ""}]
    assert form.named("Source 2: url (required)").value == "https://c.example"
    assert form.focused == [path_class("card-1.", "sources.2.url"), path_class("card-1.", "sources")]


@pytest.mark.parametrize(
    ("title", "button"),
    [
        ("Sources", "Add a source"),
        ("Addresses", "Add an address"),
        ("People", "Add a person"),
        ("Properties", "Add a property"),
        ("EINs", "Add an EIN"),
        ("Evidence", "Add an evidence"),
    ],
)
def test_rows_are_named_after_the_title(title: str, button: str) -> None:
    """The button says one of what the title says many of."""
    rows = Field("rows", title, "rows", columns=(Field("url", "Url", "text"),))
    box = FieldSet([rows], None, lambda: None).box
    assert [part.description for part in box.children[0].children if isinstance(part, w.Button)] == [button]


def test_errors_beside_their_fields() -> None:
    """An error stands below its input in words, with the id that the guard ties to it, and goes again."""
    form = Form(entries={"sources": SOURCES})
    rest = form.inputs.show_errors(
        {
            "risk": "must be at most 5",
            "sources.1.url": "is required",
            "sources.7": "is odd",
            "other": "is odd",
        }
    )
    assert rest == {"other": "is odd"}
    html = form.html()
    for path, words in (("risk", "must be at most 5"), ("sources.1.url", "is required")):
        css_class = path_class("card-1.", path)
        assert f'id="{css_class}-error"><b>Error: {words}</b>' in html
        assert len([part for part in form.all() if css_class in part._dom_classes]) == 1
    assert "Error: source 8 is odd" in html
    form.inputs.show_errors({})
    assert "Error" not in form.html()
    assert "1 is low" in form.html()


def test_hostile_text() -> None:
    """Text of a schema is neither HTML nor LaTeX: names are not typeset, help and errors are escaped."""
    column = {"type": "object", "properties": {"a": {"type": "string", "title": HOSTILE}}}
    text = {"type": "string", "title": HOSTILE, "description": HOSTILE, "default": HOSTILE}
    rows = {"type": "array", "title": HOSTILE, "items": column}
    form = Form(
        {"type": "object", "properties": {"a": text, "b": {"title": HOSTILE, "enum": [HOSTILE]}, "c": rows}},
        {"c": [{"a": HOSTILE}]},
    )
    form.inputs.show_errors({"a": HOSTILE, "c.0.a": HOSTILE})
    assert "<img" not in form.html()
    for part in form.all():
        if isinstance(part, w.Text | w.Dropdown):
            assert not part.description_allow_html
            assert not any(sign in part.description for sign in ("$", "\\(", "\\begin"))


def test_path_classes_differ() -> None:
    """No two paths share a DOM class."""
    paths = ["a-b", "a_b", "a.b", "a b", "ab", "a-2e-b"]
    assert len({path_class("", path) for path in paths}) == len(paths)


def test_closing() -> None:
    """A form that is closed leaves no widget behind, nor a row that was removed."""
    before = set(w.widgets.widget._instances)
    form = Form(entries={"sources": SOURCES})
    form.named("Remove source 1").click()
    form.inputs.close()
    assert set(w.widgets.widget._instances) == before


def test_guard_counts_its_views() -> None:
    """A card knows in how many places it is shown; what it heard before is not told again."""
    guard = Guard()
    seen: list[int] = []
    guard.on_view(seen.append)
    for message in (
        {"opened": "a"},
        {"opened": "b"},
        {"opened": "b"},
        {"disposed": "a"},
        {"disposed": "a"},
        {},
    ):
        guard._handle_custom_msg(message, [])
    assert seen == [1, 2, 1]


def test_guard_moves_again() -> None:
    """The same target can be asked for twice."""
    guard = Guard()
    guard.focus("next")
    first = guard.focus_on
    guard.focus("next")
    assert (first["class"], guard.focus_on["class"]) == ("next", "next")
    assert first != guard.focus_on
