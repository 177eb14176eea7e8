"""What a stress test has measured, and what it found wrong."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Report:
    """Facts are for people; any entry in `wrong` is a failure."""

    facts: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def say(self, fact: str) -> None:
        self.facts.append(fact)

    def require(self, condition: bool, otherwise: str) -> None:
        if not condition:
            self.wrong.append(otherwise)

    def lines(self) -> list[str]:
        return [*self.facts, *(f"WRONG: {sentence}" for sentence in self.wrong)]
