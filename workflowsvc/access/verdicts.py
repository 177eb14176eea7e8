"""The verdicts of one book, each judged once for the values that the policies have looked at.

Owns the cache. A policy is a function of action, resource and the condition keys that it reads, so a verdict is kept
under the path of keys and values that were read on the way to it: a tree, in which the next question with the same
values ends at the same leaf. Reads no key that no policy asks for. Another book has another cache, and nothing in it.
May be used from any thread: what two threads add at once is the same, or is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.caller import Caller
from workflowsvc.access.evaluation import judge
from workflowsvc.access.policy import AccessRequest, Verdict
from workflowsvc.access.question import OF_THE_MOMENT, Question, Unanswerable
from workflowsvc.access.vocabulary import Entry, Facts, Resource

MAX_KEPT = 20_000  # verdicts, of at most 3 KB each; more belong to made-up names, and all are forgotten then
MAX_CHARACTERS = 300  # of a value that a verdict is kept for: names have 256, a User-Agent may have thousands

UNANSWERABLE = Verdict(False, "no-allow")


class _Always:
    """Where a path ends that leads to a key of the moment: the question is judged each time."""


_ALWAYS: Final = _Always()


class _Branch:
    """Goes on by the values of a key."""

    __slots__ = ("key", "ways")

    def __init__(self, key: str) -> None:
        self.key = key
        self.ways: dict[tuple[str, ...], _Node] = {}


_Place = tuple[str, str, Resource]
"""Key id, action, resource. Its ARN alone may name a domain of another region than the caller's: another verdict."""
_Node = Verdict | _Branch | _Always


class Verdicts:
    """Of one book."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.allowed: set[tuple[AccessKey, str, Resource]] = set()
        """Key, action and resource of what is allowed at any time, whatever else is asked: no policy looks at more. The
        key is the book's own, active and lasting."""
        self._first: dict[_Place, _Node] = {}
        self._kept = 0

    def find(
        self,
        key: AccessKey,
        caller: Caller,
        entry: Entry,
        resource: Resource,
        given: Any,
        facts: Facts,
        now_ms: Callable[[], int],
    ) -> Verdict:
        """`key` is the book's own. May raise what the facts raise. Whether a verdict lasts is known when the question
        is asked again.
        """
        place = (key.id, entry.action, resource)
        node = self._first.get(place)
        if isinstance(node, Verdict):  # most policies ask for no key
            if node.allowed and key.active and key.expires_at is None:
                self.allowed.add((key, entry.action, resource))
            return node
        question = Question(entry, resource, given, facts, caller, key.principal, now_ms)
        try:
            while isinstance(node, _Branch):
                node = node.ways.get(question.get(node.key, ()))
            return node if isinstance(node, Verdict) else self._judge(place, key, question)
        except Unanswerable:
            return UNANSWERABLE

    def _judge(self, place: _Place, key: AccessKey, question: Question) -> Verdict:
        resource, read = question.resource, _Reading(question)
        tenant = question.caller.tenant
        verdict = judge(
            AccessRequest(question.entry.action, resource.arn, read),
            identity=self.book.policies_of(key.principal),
            domain=self.book.domain_policy(tenant, resource.domain) if resource.domain else None,
            session=key.session_policy,
            principal_arn=key.principal.arn,
        )
        self._keep(place, read.values_read, verdict)
        return verdict

    def _keep(self, place: _Place, path: dict[str, tuple[str, ...]], verdict: Verdict) -> None:
        if self._kept >= MAX_KEPT:
            self._kept, self._first, self.allowed = 0, {}, set()
        nodes: dict[Any, _Node] = self._first
        at: Any = place
        leaf: _Node = verdict._replace(lasts=True)
        for key, values in path.items():
            if key in OF_THE_MOMENT:
                leaf = _ALWAYS
                break
            if any(len(value) > MAX_CHARACTERS for value in values):
                return
            branch = nodes.get(at)
            if not isinstance(branch, _Branch):
                branch = nodes[at] = _Branch(key)
            nodes, at = branch.ways, values
        if at not in nodes:
            self._kept += 1
        nodes[at] = leaf


class _Reading(Mapping[str, tuple[str, ...]]):
    """The context of a question, which notes what was read of it, in this order."""

    __slots__ = ("_question", "values_read")

    def __init__(self, question: Question) -> None:
        self._question = question
        self.values_read: dict[str, tuple[str, ...]] = {}

    def get(self, key: str, default: Any = None) -> Any:
        values = self.values_read.get(key)
        if values is None:
            values = self.values_read[key] = self._question.get(key, ())
        return values or default

    def __getitem__(self, key: str) -> tuple[str, ...]:
        values = self.get(key)
        if values is None:
            raise KeyError(key)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._question)

    def __len__(self) -> int:
        return len(self._question)
