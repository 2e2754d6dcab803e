"""The planted defects of `defects.toml`, and the one way to plant one in a text."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).with_name("defects.toml")
ROOT = DATA.parent.parent.parent


@dataclass(frozen=True)
class Defect:
    """A small change to one file, and the tests that must notice it."""

    name: str
    harm: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def plant(self, root: Path = ROOT) -> tuple[str, str]:
        """Return the text of the file without and with the defect.

        Raises `ValueError` unless it fits.
        """
        path = root / self.file
        source = path.read_text(encoding="utf-8") if path.is_file() else ""
        if (n := source.count(self.old)) != 1:
            raise ValueError(
                f"{self.name}: `old` occurs {n} times in {self.file}; expected exactly once. The code has "
                f"moved: find the place that now keeps this from users ({self.harm}), give its `file`, `old` "
                f"and `new` in {DATA.relative_to(ROOT)}, and see the defect being noticed: "
                f"python -m pytest tests/defects/planted.py -k {self.name}"
            )
        return source, source.replace(self.old, self.new)


def load() -> list[Defect]:
    """Read all defects."""
    entries = tomllib.loads(DATA.read_text(encoding="utf-8"))["defect"]
    return [Defect(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
