"""A build hook of the wheel: its notebooks have no outputs. It needs nothing but hatchling."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WithoutOutputs(BuildHookInterface):
    """Put copies of the notebooks into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the copies; an editable installation uses the notebooks themselves."""
        self.folder = TemporaryDirectory()
        for path in Path(self.root, "notebooks").glob("0*.ipynb") if version == "standard" else ():
            notebook = json.loads(path.read_text(encoding="utf-8"))
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    cell |= {"outputs": [], "execution_count": None}
            copy = Path(self.folder.name, path.name)
            copy.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), encoding="utf-8")
            build_data["force_include"][str(copy)] = f"runkit/notebooks/{path.name}"

    def finalize(self, *_: object) -> None:
        """Delete the copies."""
        self.folder.cleanup()
