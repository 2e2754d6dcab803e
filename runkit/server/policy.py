"""The account's interrupt policy: which proposals pause a run and which are settled without asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runkit.errors import UsageError
from runkit.server.businesses import AGENTS

MODES = ("manual", "auto_approve", "skip")


@dataclass(frozen=True)
class Policy:
    """A mode by default and by agent type. [A] 24: the override of the agent that asks beats the default."""

    default: str = "manual"
    overrides: tuple[tuple[str, str], ...] = ()

    def mode(self, agent: str) -> str:
        """`manual`, `auto_approve` or `skip` for a question of this agent; the last override wins."""
        return dict(self.overrides).get(agent, self.default)

    def plus(self, overrides: tuple[tuple[str, str], ...]) -> "Policy":
        """Return a policy with further overrides, which beat these."""
        return Policy(self.default, self.overrides + overrides)


def read_policy(given: str | Mapping[str, Any] | None) -> Policy:
    """Read a mode, or `{"default": mode, "overrides": {agent type: mode}}`, bare or under `interrupt_policy`.

    Raises:
        UsageError: an unknown key, mode or agent type.

    """
    if isinstance(given, str):
        given = {"default": given}
    rules = (given or {}).get("interrupt_policy", given or {})
    for key in rules:
        if key not in ("default", "overrides"):
            raise UsageError.one_of("policy", key, ("default", "overrides", "interrupt_policy"))
    default, overrides = rules.get("default", "manual"), dict(rules.get("overrides") or {})
    for agent in overrides:
        if agent not in AGENTS:
            raise UsageError.one_of("policy['overrides']", agent, AGENTS)
    for mode in (default, *overrides.values()):
        if mode not in MODES:
            raise UsageError.one_of("policy", mode, MODES)
    return Policy(default, tuple(sorted(overrides.items())))
