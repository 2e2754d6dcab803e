"""The inputs of a form: fields of a schema as ipywidgets, each with its label, help and error.

Inputs give their content exactly as it was typed (see `runkit.widgets.schema`). Labels and choices may be
hostile text. Browsers hide control characters, drop line breaks in one-line inputs and turn CR into LF, so an
input shows such characters as codes and sends the characters.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import ipywidgets as w

from runkit.text import UNSEEN, Markup, code, visible
from runkit.widgets.schema import Field, to_entries

IRREGULAR_PLURALS = {
    "people": "person",
    "addresses": "address",
    "businesses": "business",
    "children": "child",
}
PLACEHOLDERS = {"date": "YYYY-MM-DD", "integer": "a whole number", "number": "a number"}
BUTTON = {"width": "auto", "align_self": "flex-start"}
FULL_WIDTH_DOLLAR = "\uff04"
WORD_JOINER = "\u2060"  # invisible
_HELP = Markup('<div class="runkit-help">{}</div>')
_ERROR = Markup('<div class="runkit-error" id="{}"><b>Error: {}</b></div>')


def path_class(prefix: str, path: str) -> str:
    """Give the DOM class of the input at a path. Characters become codes, so that no two paths share one."""
    return "runkit-at-" + re.sub(r"[^A-Za-z0-9]", lambda char: f"-{ord(char[0]):x}-", prefix + path)


def escape_mathjax(text: str) -> str:
    """Make a `description` that MathJax ignores: ipywidgets typesets labels, escaped or not."""
    text = visible(text).replace("\\", "\\" + WORD_JOINER)
    return text.replace("$", FULL_WIDTH_DOLLAR) if text.count("$") > 1 else text


def close_tree(widget: w.Widget) -> None:
    """Close a widget, its children, and their layouts and styles, which are widgets, too."""
    for child in getattr(widget, "children", ()):
        close_tree(child)
    for part in (getattr(widget, "style", None), widget.layout, widget):
        if part is not None:
            part.close()


class FieldSet:
    """The inputs of one section of a form, in `box`.

    `on_edit` is called without any widget's lock, on the thread on which the browser's message arrives.
    `focus` is called with a DOM class when a row was added or removed and the focus has to move; `label` is
    put before each description.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        entries: Mapping[str, Any] | None,
        on_edit: Callable[[], None],
        *,
        prefix: str = "",
        label: str = "",
        focus: Callable[[str], None] = lambda _css_class: None,
    ) -> None:
        self._fields = tuple(fields)
        self._on_edit = on_edit
        self._is_quiet = False
        self._parts: dict[str, _Input | _Rows] = {}
        for field in self._fields:
            css_class = path_class(prefix, field.name)
            if field.kind == "rows":
                rows_prefix = f"{prefix}{field.name}."
                self._parts[field.name] = _Rows(field, self._edited, css_class, rows_prefix, focus)
            else:
                self._parts[field.name] = _Input(field, self._edited, css_class, label)
        self.box = w.VBox([part.box for part in self._parts.values()])
        self.set_entries(entries or {})

    def _edited(self) -> None:
        if not self._is_quiet:
            self._on_edit()

    def entries(self) -> dict[str, Any]:
        """Give the content of the inputs, as JSON."""
        return {name: part.entries() for name, part in self._parts.items()}

    def set_entries(self, entries: Mapping[str, Any]) -> None:
        """Set the inputs to a draft or to values, and missing ones to defaults; this is not an edit."""
        self._is_quiet = True
        try:
            for name, entry in to_entries(self._fields, entries).items():
                self._parts[name].set_entries(entry)
        finally:
            self._is_quiet = False

    def show_errors(self, errors: Mapping[str, str]) -> dict[str, str]:
        """Show errors beside their fields and clear the others; returns errors without a field here."""
        rest = dict(errors)
        for name, part in self._parts.items():
            paths = [path for path in rest if path == name or path.startswith(name + ".")]
            part.show_errors({path[len(name) + 1 :]: rest.pop(path) for path in paths})
        return rest

    def close(self) -> None:
        """Close all its widgets."""
        close_tree(self.box)


class EscapedText(NamedTuple):
    """A text, its form with codes for characters that an input would hide or lose, and the codes."""

    text: str
    displayed: str
    codes: Mapping[str, str]  # the character by its code

    @classmethod
    def of(cls, text: str, *, has_lines: bool) -> EscapedText:
        """Escape a text; `has_lines` tells whether the input keeps line breaks."""
        hidden = [char for char in dict.fromkeys(text) if _is_hidden(char, has_lines=has_lines)]
        by_char = {char: _unused_code(code(char), text) for char in hidden}
        displayed = "".join(by_char.get(char, char) for char in text)
        return cls(text, displayed, {code: char for char, code in by_char.items()})

    def unescape(self, content: str) -> str:
        """Give the content of the input with characters in place of their codes."""
        if content == self.displayed:  # unchanged, also where replacing codes would be ambiguous
            return self.text
        if not self.codes:
            return content
        pattern = "|".join(map(re.escape, sorted(self.codes, key=len, reverse=True)))
        return re.sub(pattern, lambda match: self.codes[match[0]], content)

    def hint(self, content: str) -> str:
        """Explain the invisible characters in the content of the input; "" if there are none."""
        used = ", ".join(code for code in self.codes if code in content)
        pasted = ", ".join(code(char) for char in dict.fromkeys(content) if _is_hidden(char, has_lines=True))
        hints = (
            f"Invisible characters are shown as codes ({used}) and sent as characters." if used else "",
            f"This text contains invisible characters ({pasted}). They are sent, too." if pasted else "",
        )
        return " ".join(filter(None, hints))


def _is_hidden(char: str, *, has_lines: bool) -> bool:
    return bool(UNSEEN.fullmatch(char)) or (char == "\n" and not has_lines)


def _unused_code(code: str, text: str) -> str:
    """Lengthen a code until the text does not contain it."""
    while code in text:
        code = f"\\{code}"
    return code


class _Note:
    """Help and error of one field; the guard ties the error to the input by its DOM id."""

    def __init__(self, help_text: str, css_class: str) -> None:
        self._help = _HELP.format(help_text) if help_text else Markup()
        self._id = f"{css_class}-error"
        self._error = self._hint = ""
        self.html = w.HTML()
        self.show_error("")

    def show_error(self, error: str) -> None:
        """Show an error; "" hides it."""
        self._error = error
        self._show()

    def show_hint(self, hint: str) -> None:
        """Show a hint about invisible characters; "" hides it."""
        self._hint = hint
        self._show()

    def _show(self) -> None:
        hint = _HELP.format(self._hint) if self._hint else Markup()
        error = _ERROR.format(self._id, self._error) if self._error else Markup()
        self.html.value = str(self._help + hint + error)
        self.html.layout.display = None if self.html.value else "none"  # empty, it would take a line


class _Input:
    """One input with its note below."""

    def __init__(self, field: Field, edited: Callable[[], None], css_class: str, label: str) -> None:
        self._field = field
        self._control = _control(field, escape_mathjax(_description(field, label)))
        self._control.add_class(css_class)
        self._note = _Note(field.help, css_class)
        self._has_lines = isinstance(self._control, w.Textarea)
        self._escaped = EscapedText.of("", has_lines=self._has_lines)
        self._edited = edited
        self._control.observe(self._changed, "value")
        self.box = w.VBox([self._control, self._note.html])

    @property
    def _is_text(self) -> bool:
        return isinstance(self._control, w.Text | w.Textarea)

    def _changed(self, _change: object) -> None:
        self._update_hint()
        self._edited()

    def _update_hint(self) -> None:
        if self._is_text:
            self._note.show_hint(self._escaped.hint(self._control.value))

    def entries(self) -> Any:
        return self._escaped.unescape(self._control.value) if self._is_text else self._control.value

    def set_entries(self, entry: Any) -> None:
        if self._is_text:
            self._escaped = EscapedText.of(entry or "", has_lines=self._has_lines)
            self._control.value = self._escaped.displayed
            self._update_hint()
        elif entry is None:  # a Dropdown selects nothing for the value None, even if an option has it
            self._control.index = 0 if None in dict(self._control.options).values() else None
        else:
            self._control.value = entry

    def show_errors(self, errors: Mapping[str, str]) -> None:
        self._note.show_error("; ".join(errors.values()))


class _Rows:
    """Repeated rows of inputs, each with a button to remove it, and a button to add one."""

    def __init__(
        self,
        field: Field,
        edited: Callable[[], None],
        css_class: str,
        prefix: str,
        focus: Callable[[str], None],
    ) -> None:
        self._field, self._edited, self._class, self._prefix = field, edited, css_class, prefix
        self._focus = focus
        self._lock = threading.RLock()  # clicks may arrive on any thread
        self._rows: list[tuple[FieldSet, dict[str, Any]]] = []  # the inputs, and the keys without a column
        self._singular_title = _singular(field.title)
        article = "an" if self._singular_title[:1].lower() in "aeiou" else "a"
        add = w.Button(description=f"Add {article} {self._singular_title}", layout=BUTTON)
        add.add_class(css_class)
        add.on_click(lambda _button: self._add())
        heading = Markup('<div class="runkit-heading">{}</div>').format(_description(field, ""))
        self._list = w.VBox()
        self._note = _Note(field.help, css_class)
        self.box = w.VBox([w.HTML(str(heading)), self._list, add, self._note.html])

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return [extra | inputs.entries() for inputs, extra in self._rows]

    def set_entries(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            old, self._rows, self._list.children = self._list.children, [], ()
            for row in rows:
                self._append(row)
        for box in old:
            close_tree(box)

    def show_errors(self, errors: Mapping[str, str]) -> None:
        rest = dict(errors)
        with self._lock:
            for number, (inputs, _extra) in enumerate(self._rows):
                paths = [path for path in rest if path.startswith(f"{number}.")]
                unplaced = inputs.show_errors({path.partition(".")[2]: rest.pop(path) for path in paths})
                rest |= {f"{number}.{path}": error for path, error in unplaced.items()}
        self._note.show_error("; ".join(self._row_label(path) + error for path, error in rest.items()))

    def _row_label(self, path: str) -> str:
        """Name the row and key of an error without an input; rows are counted from 1."""
        number, _, key = path.partition(".")
        return f"{self._singular_title} {int(number) + 1} {key}".rstrip() + " " if number.isdecimal() else ""

    def _append(self, row: Mapping[str, Any]) -> None:
        number = len(self._rows) + 1
        names = {column.name for column in self._field.columns}
        inputs = FieldSet(
            self._field.columns,
            row,
            self._edited,
            prefix=f"{self._prefix}{number - 1}.",
            label=f"{_upper_first(self._singular_title)} {number}: ",
        )
        remove = w.Button(description=f"Remove {self._singular_title} {number}", layout=BUTTON)
        remove.on_click(lambda _button: self._remove(inputs))
        border = {"border": "1px solid var(--jp-border-color1)", "padding": "8px", "margin": "4px 0"}
        self._list.children = (*self._list.children, w.VBox([inputs.box, remove], layout=border))
        self._rows.append((inputs, {key: value for key, value in row.items() if key not in names}))

    def _add(self) -> None:
        with self._lock:
            self._append({})
            position = len(self._rows) - 1
        self._focus(path_class(f"{self._prefix}{position}.", self._field.columns[0].name))
        self._edited()

    def _remove(self, inputs: FieldSet) -> None:
        with self._lock:  # later rows get other numbers, so all are made anew
            self.set_entries([extra | row.entries() for row, extra in self._rows if row is not inputs])
        self._focus(self._class)
        self._edited()


def _control(field: Field, description: str) -> w.ValueWidget:
    named = {"description": description, "style": {"description_width": "initial"}}
    if field.kind == "flag":
        return w.Checkbox(indent=False, **named)
    if field.kind == "choice":
        nothing = [("choose…", None)] if to_entries([field], {})[field.name] is None else []
        return w.Dropdown(options=[*nothing, *field.choices], **named)
    if field.kind in ("long_text", "texts"):
        return w.Textarea(rows=4, **named)
    return w.Text(placeholder=PLACEHOLDERS.get(field.kind, ""), **named)


def _description(field: Field, label: str) -> str:
    title = _lower_first(field.title) if label else field.title
    hint = ", one per line" if field.kind == "texts" else ""
    return f"{label}{title}{hint}{' (required)' if field.is_required else ''}"


def _singular(title: str) -> str:
    """Give the singular of a title: source for Sources, person for People."""
    word = _lower_first(title)
    if word in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[word]
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _lower_first(title: str) -> str:
    """Lower the first letter of a title, but not of an acronym such as EIN."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
