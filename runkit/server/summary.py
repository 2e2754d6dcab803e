"""A run's output while it is gathered: sentences, what is open, the weakest confidence, the evidence."""

from dataclasses import dataclass, field

from runkit.server.businesses import ORCHESTRATOR
from runkit.server.script import Finding, Outcome, Source

MAX_SOURCES = 12
"""A summary names its main evidence, not the thousand records of a long run."""
_RANK = {"low": 0, "medium": 1, "high": 2}


@dataclass
class Summary:
    """What a summary will say. Its confidence is that of the weakest outcome; an approval settles a doubt."""

    says: list[str] = field(default_factory=list)
    still_open: list[str] = field(default_factory=list)
    advice: str = "approve"
    confidence: str = "high"
    sources: dict[str, Source] = field(default_factory=dict)

    def conclude(self, outcome: Outcome, remark: str) -> None:
        """Take in how a question ended, and who settled it."""
        self.says.append(outcome.says + remark)
        self.advice = outcome.recommends or self.advice
        self.confidence = min(self.confidence, outcome.confidence, key=_RANK.__getitem__)
        if outcome.still_open:
            self.still_open.append(outcome.still_open)

    def finding(self, agent: str, business: str) -> Finding:
        """Put it together. A specialist reports and does not recommend."""
        said = [*self.says]
        if self.still_open:
            said.append(f"Still open: {'; '.join(self.still_open)}.")
        sources = tuple(self.sources.values())[:MAX_SOURCES]
        if agent != ORCHESTRATOR:
            title = f"Findings on {business}"
            return Finding(title, f"{agent}_summary", self.confidence, " ".join(said), sources)
        said.append(f"Recommendation: {'keep in review' if self.still_open else self.advice}.")
        return Finding(f"CIP summary for {business}", "cip_summary", self.confidence, " ".join(said), sources)
