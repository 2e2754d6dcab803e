"""Work on the event loop of the kernel, and the base of all widgets.

A front end may deliver a click on any thread. So what a widget does is started here, on the loop
where the widget was made, which owns all state; requests run on threads of asyncio.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, ClassVar

import ipywidgets as w
from IPython.display import display

from runkit.display.text import Markup, block
from runkit.widgets._question import FORM_STYLE

Action = Coroutine[Any, Any, None]
VIEW = "application/vnd.jupyter.widget-view+json"
# The saved HTML is for pages without a kernel. The live widget hides it by its style; where there
# is no live one, the saved HTML hides what the front end says instead of the widget above it.
_LIVE_STYLE = Markup("<style>.jp-OutputArea-child:has(.{0}), .{0} {{ display: none; }}</style>")
_SAVED = Markup("""<style>
.jp-OutputArea-child:not(:has(.runkit-live)):has(+ .jp-OutputArea-child .{0}) {{ display: none; }}
</style><div class="{0}">{1}</div>""")


class Work:
    """The tasks of one widget; without a running loop, as in a script, each runs to its end."""

    _repeated: ClassVar[dict[Hashable, Work]] = {}  # by key; a newer widget takes its place

    def __init__(self) -> None:
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._endless: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way but what is repeated."""
        return not self._tasks

    def start(self, action: Action) -> None:
        """Start an action, from any thread."""
        if self._loop is None:
            asyncio.run(action)
        else:
            self._loop.call_soon_threadsafe(self._keep, action)

    def call(self, function: Callable[..., object], *values: object) -> None:
        """Call a function on the loop, from any thread."""
        if self._loop is None:
            function(*values)
        else:
            self._loop.call_soon_threadsafe(function, *values)

    def _keep(self, action: Action) -> None:
        task = asyncio.ensure_future(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def repeat(self, key: Hashable, action: Action) -> None:
        """Start what goes on without an end, and end that of an older widget with this key."""
        older = self._repeated.pop(key, None)
        if older is not None:
            older.stop_repeating()
        if self._loop is None:
            action.close()
            return
        self._repeated[key] = self
        self._endless = self._loop.create_task(action)

    def stop_repeating(self) -> None:
        """End what was repeated."""
        if self._endless is not None:
            self._endless.cancel()
            self._endless = None

    def stop(self) -> None:
        """End all tasks; an answer that is on its way arrives all the same."""
        self.stop_repeating()
        for task in [*self._tasks]:
            task.cancel()


def close_tree(widget: w.Widget) -> None:
    """Close a widget and all that it is made of."""
    for part in getattr(widget, "children", ()):
        close_tree(part)
    for part in (widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widget.close()


class SavedBox(w.VBox):  # type: ignore[misc]
    """A VBox that is also readable where no widget lives: in a saved or exported notebook.

    The names of its attributes must not be those of a VBox, whose own code uses them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_class("runkit-live")
        self.work = Work()
        self.saved_html = Markup()
        self.saved_output: Any = None

    def show(self, *parts: w.Widget) -> None:
        """Show widgets below the style that all of them need."""
        hidden = _LIVE_STYLE.format(self._saved_class)
        self.children = [w.HTML(FORM_STYLE + hidden), *parts]

    @property
    def _saved_class(self) -> str:
        return f"runkit-saved-{self.model_id}"

    def _ipython_display_(self) -> None:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({VIEW: view, "text/plain": repr(self)}, raw=True)
        self.saved_output = display(self._bundle(), raw=True, display_id=True)

    def _bundle(self) -> dict[str, str]:
        html = _SAVED.format(self._saved_class, FORM_STYLE + self.saved_html)
        return {"text/html": block(html), "text/plain": repr(self)}

    def save(self, html: Markup) -> None:
        """Update what a page without a kernel shows."""
        is_new = html != self.saved_html
        self.saved_html = html
        if is_new and self.saved_output is not None:
            self.saved_output.update(self._bundle(), raw=True)

    def close(self) -> None:
        """Remove the widget, and end its tasks; what is saved stays."""
        if "work" in vars(self):  # the destructor closes what was refused, too
            self.work.stop()
        for part in self.children:
            close_tree(part)
        self.layout.close()
        super().close()
