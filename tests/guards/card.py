"""A form in a real kernel, used as a front end uses it: by messages to its widgets.

This is the one place of the guards that knows how a form is drawn. When the front end of forms changes, its
methods change with it; what the guards expect of a form stays.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.client.conftest import KEY, Server
from tests.kernels.conftest import Kernel

PATIENCE = 20.0  # seconds
DECISION, NOTE, SUBMIT = "runkit-at-0-2d-decision", "runkit-at-0-2d-note", "runkit-at-submit"
CHOICES = {"approve": 1, "reject": 2}


class Card:
    """The form of the only question of the run `run-1`, in a kernel, with a client of a server."""

    def __init__(self, kernel: Kernel, server: Server, state_dir: Path | str) -> None:
        self._kernel = kernel
        kernel.run(
            "import json, os, time, runkit\n"
            f"os.environ['RUNKIT_STATE_DIR'] = {str(state_dir)!r}\n"
            f"client = runkit.Client({KEY!r}, {server.url!r}, rate=None, timeout=5)"
        )
        self.show()

    def show(self) -> None:
        """Run the cell that shows the form."""
        self._kernel.run("form = runkit.InterruptForm(client, 'run-1')\nform")

    def close(self) -> None:
        """Take the form away."""
        self._kernel.run("form.close()")

    # -- what a person does

    def choose(self, decision: str) -> None:
        """Choose `approve` or `reject`."""
        self._kernel.put(self._kernel.find(css=DECISION), index=CHOICES[decision])

    def type_note(self, text: str) -> None:
        """Type a note; it stands in the page's input until the kernel puts something else there."""
        comm_id = self._kernel.find(css=NOTE)
        self._kernel.put(comm_id, value=text)
        self._kernel.widgets[comm_id]["value"] = text

    def press(self, times: int = 1) -> None:
        """Press the button that sends, quickly if several times."""
        self._kernel.click(self._kernel.find(css=SUBMIT), times)
        self._kernel.run("")  # heard when this cell has run

    def answer(self, decision: str, note: str = "") -> str:
        """Choose, type, press, press once more where that is asked for; gives the state in the end."""
        self.choose(decision)
        if note:
            self.type_note(note)
        self.press()
        if self.state == "confirm":
            self._kernel.click(self._kernel.find(button_style="danger"))
            self._kernel.run("")
        return self.verdict()

    # -- what a person sees

    @property
    def state(self) -> str:
        """Where the answer stands, as the form says it."""
        return self._kernel.value("str(form.state)").strip("'")

    def verdict(self) -> str:
        """Wait until nothing is on its way; gives the state."""
        deadline = time.monotonic() + PATIENCE
        while (state := self.state) in ("sending", "unknown"):
            assert time.monotonic() < deadline, state
            time.sleep(0.02)
        return state

    @property
    def note(self) -> str:
        """What stands in the note."""
        return str(self._kernel.widgets[self._kernel.find(css=NOTE)]["value"])

    @property
    def is_confirmed(self) -> bool:
        """Whether the receipt says that the API took the answer."""
        facts = "dict(form.receipt.facts).get('delivery')"
        return self._kernel.value(f"{facts} == 'confirmed'") == "True"
