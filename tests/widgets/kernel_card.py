"""A form in a real kernel, used as a front end uses it: by messages to its widgets.

This is the one place of these tests that knows how a form is drawn. When the front end of forms
changes, its methods change with it; what the tests expect of a form stays.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.client.conftest import KEY, Server
from tests.end_to_end.kernels.conftest import Kernel

TIMEOUT = 20.0  # seconds


class Card:
    """The form of the only question of the run `run-1`, in a kernel, with a client of a server."""

    def __init__(self, kernel: Kernel, server: Server, state_dir: Path | str) -> None:
        self._kernel = kernel
        self._entries: dict[str, str] = {}
        kernel.run(
            "import json, os, time, runkit\n"
            f"os.environ['RUNKIT_STATE_DIR'] = {str(state_dir)!r}\n"
            f"client = runkit.Client({KEY!r}, {server.url!r}, rate=None, timeout=5)"
        )
        self.show()

    def show(self) -> None:
        """Run the cell that shows the form, and draw its card as a page does."""
        self._kernel.run("form = runkit.InterruptForm(client, 'run-1')\nform")
        self.draw()

    def draw(self) -> None:
        """Draw the newest card."""
        self._card = self._kernel.open_card()
        self._entries = {"note": self.note}

    def close(self) -> None:
        """Take the form away."""
        self._kernel.run("form.close()")

    # -- what a person does

    def type_note(self, text: str) -> None:
        """Type a note; the page tells the kernel a moment after the last key."""
        self._entries["note"] = text
        state = self._kernel.view[self._card]
        values = {"0": {**state["values"]["0"], **self._entries}}
        self._kernel.tell(self._card, values=values, digest=state["question"]["digest"])
        self._kernel.run("")  # heard when this cell has run

    def press(self, decision: str, times: int = 1) -> None:
        """Press a button for the second time, quickly if several times."""
        self._kernel.press(self._card, decision, times, **self._entries)
        self._kernel.run("")

    def press_for_another(self, decision: str) -> None:
        """Press the button of a card that still shows the question of another run."""
        self._kernel.press(self._card, decision, digest="0" * 64, **self._entries)
        self._kernel.run("")

    def answer(self, decision: str, note: str | None = None) -> str:
        """Type and send; gives the state in the end."""
        if note is not None:
            self._entries["note"] = note
        self.press(decision)
        return self.verdict()

    # -- what a person sees

    @property
    def state(self) -> str:
        """Where the answer stands, as the form says it."""
        return self._kernel.value("str(form.state)").strip("'")

    def verdict(self) -> str:
        """Wait until nothing is on its way; gives the state."""
        deadline = time.monotonic() + TIMEOUT
        while (state := self.state) in ("sending", "unknown"):
            assert time.monotonic() < deadline, state
            time.sleep(0.02)
        return state

    @property
    def widgets(self) -> str:
        """All that the widgets of the page hold: what a saved notebook may keep."""
        return json.dumps(self._kernel.widgets)

    @property
    def note(self) -> str:
        """What stands in the note when a page draws the card."""
        return str(self._kernel.view[self._card]["values"]["0"]["note"])

    @property
    def is_confirmed(self) -> bool:
        """Whether the receipt says that the API took the answer."""
        facts = "dict(form.receipt.facts).get('delivery')"
        return self._kernel.value(f"{facts} == 'confirmed'") == "True"
