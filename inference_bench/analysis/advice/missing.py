"""A fact that a rule needs and a run does not have."""

from __future__ import annotations

AGAIN = "measure again with this version"
"""What tells facts that older runs do not have."""


class MissingFactError(Exception):
    """A fact is not on record.

    Attributes:
        fact: what is unknown.
        tell: what would tell, an order without an end, such as a command.
    """

    def __init__(self, fact: str, tell: str) -> None:
        super().__init__(fact, tell)
        self.fact, self.tell = fact, tell
