"""Whether a caller may do what it asks: held against the book of principals and policies (SWF §13, QUALITY §4).

Owns when a call is judged, the words of a refusal, and what `--auth log` makes of it. A call is judged before it is
begun where its request says enough, else in its transaction, before anything is changed; there it is judged again when
the book is another one by then. What is asked is in `access/vocabulary.py`, how it is judged in `access/verdicts.py`.
With `--auth off` there is no object of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from workflowsvc.access.book import AccessKey, Book
from workflowsvc.access.caller import Caller
from workflowsvc.access.evaluation import SESSION_POLICY
from workflowsvc.access.policy import Verdict
from workflowsvc.access.verdicts import Verdicts
from workflowsvc.access.vocabulary import (
    ENTRIES,
    PREFIX_OF_MODEL,
    Entry,
    Facts,
    Resource,
    all_domains,
    domain_resource,
)
from workflowsvc.core.execution import Execution
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import (
    AccessDeniedException,
    ExpiredTokenException,
    Fault,
    ServiceUnavailable,
    UnrecognizedClientException,
)
from workflowsvc.service.access_facts import NO_FACTS, NotInRequest, ReaderFacts, WorkFacts
from workflowsvc.service.action import Action
from workflowsvc.service.audit_trail import AuditTrail, Refusal
from workflowsvc.service.tokens import TaskToken
from workflowsvc.store.interface import Reader

UNRECOGNIZED = "The security token included in the request is invalid."


class Authorization:
    """Of one node."""

    def __init__(
        self,
        book: Callable[[], Book],
        trail: AuditTrail,
        now_ms: Callable[[], int],
        *,
        enforces: bool,
    ) -> None:
        """`book` gives the newest one, or raises ServiceUnavailable when it is too old to be relied on."""
        self._book = book
        self._verdicts: Verdicts | None = None
        self._entries: dict[Action, Entry] = {}
        self.trail = trail
        self.now_ms = now_ms
        self.enforces = enforces

    def of_call(self, action: Action, caller: Caller, request_id: str) -> CallAccess | None:
        """None when nothing is to be asked: of the server itself, and with `--auth log` of a caller whose signature
        is not valid, which is in the audit trail already.
        """
        if caller.is_server or (caller.key is None and not self.enforces):
            return None
        if self.trail.has_ended:
            self.trail.flush()
        entry = self._entries.get(action)
        if entry is None:
            entry = self._entries[action] = _entry_of(action)
        return CallAccess(self, entry, caller, request_id)

    def permits(self, action: str, caller: Caller, domain: str = "") -> bool | None:
        """Whether the caller may do this in the domain, or in the account where none is given: asked to draw a page,
        so that nothing is refused or written down. None where that depends on a request or on what is stored.
        ServiceUnavailable when the book is too old.
        """
        if caller.is_server or not self.enforces:
            return True
        entry = ENTRIES[action]
        try:
            standing = CallAccess(self, entry, caller, "").standing(self.verdicts())
        except ServiceUnavailable:
            raise
        except Fault:
            return False
        resource = domain_resource(caller.tenant, domain) if domain else all_domains(caller.tenant)
        try:
            is_permitted = standing.denial(entry, resource, _NOT_MADE, NO_FACTS) is None
        except NotInRequest:
            return None
        if is_permitted or domain or entry.resource is all_domains:
            return is_permitted
        # Who may not do it to all domains may do it to some, if any policy of the caller speaks of it.
        own = standing.verdicts.book.policies_of(standing.key.principal)
        return None if any(action.lower() in named.policy.allows_by_action for named in own) else False

    def verdicts(self) -> Verdicts:
        """Those of the newest book."""
        book, verdicts = self._book(), self._verdicts
        if verdicts is None or verdicts.book is not book:
            verdicts = self._verdicts = Verdicts(book)
        return verdicts


def _entry_of(action: Action) -> Entry:
    """That of an action that the vocabulary does not have is about all domains, and no policy allows it."""
    name = f"{PREFIX_OF_MODEL.get(action.model, action.model)}:{action.name}"
    return ENTRIES.get(name) or Entry(name, all_domains)


class _NotMade:
    """In place of a request that is not made yet."""

    def __getattr__(self, name: str) -> Any:
        raise NotInRequest


_NOT_MADE = _NotMade()


class _Denial(NamedTuple):
    """What is refused, and the fault that says so."""

    action: str
    resource: str
    reason: str
    fault: Fault
    policy: str = ""
    statement: str = ""


class CallAccess:
    """Of one call."""

    __slots__ = ("_authorization", "_entry", "_judged_by", "_lasts", "_request_id", "caller")

    def __init__(self, authorization: Authorization, entry: Entry, caller: Caller, request_id: str) -> None:
        self._authorization = authorization
        self._entry = entry
        self._request_id = request_id
        self._judged_by: Verdicts | None = None
        # What was judged is so at any time, whatever is stored, while the book is the same.
        self._lasts = False
        self.caller = caller

    # --- the call itself ---

    def begin(self, request: Any) -> None:
        """Refuses the call as far as its request says enough for that."""
        if self._entry.resource is None:
            return  # what it is about is in its task token
        try:
            self._lasts = self._require_call(NO_FACTS, request, None)
        except NotInRequest:
            return

    def judge_again(self) -> None:
        """Long work goes on: it may have begun hours ago. With `--auth log` a call is judged once."""
        if self._authorization.enforces:
            self._judged_by = None

    def in_work(self, work: UnitOfWork, request: Any, token: TaskToken | None = None) -> None:
        """Refuses the call before it changes anything, unless that was judged by the same book."""
        if not self._is_judged():
            tenant = self.caller.tenant
            resource = None if token is None else _resource_of(work, self.caller, token)
            self._require_call(WorkFacts(work, tenant), request, resource)

    def in_read(self, reader: Reader, request: Any) -> None:
        """Likewise, on a snapshot."""
        if not self._is_judged():
            self._require_call(ReaderFacts(reader, self.caller.tenant), request, None)

    def require_read(self, reader: Reader, request: Any) -> None:
        """AccessDeniedException when the caller may not make this request, which is another one than it made."""
        self._require_call(ReaderFacts(reader, self.caller.tenant), request, None)

    def refusal_of_poll(self, work: UnitOfWork, request: Any) -> Fault | None:
        """Why a poll that has waited must not get the task that is there now."""
        if not self._authorization.enforces:
            return None  # it was judged when it came
        try:
            if self._lasts and self._is_judged():
                return None
            self._require_call(WorkFacts(work, self.caller.tenant), request, None)
        except Fault as fault:
            return fault
        return None

    def _is_judged(self) -> bool:
        """A book that cannot be had raises ServiceUnavailable later on, as it must."""
        judged_by = self._judged_by
        return judged_by is not None and (
            not self._authorization.enforces or judged_by is self._authorization.verdicts()
        )

    # --- what it carries out besides ---

    def require_start(self, work: UnitOfWork, start: Any) -> None:
        """AccessDeniedException when the caller may not start this run; `start` is the input of the action."""
        entry = ENTRIES["swf:StartWorkflowExecution"]
        resource = domain_resource(self.caller.tenant, start.domain)
        self._require(entry, resource, start, WorkFacts(work, self.caller.tenant))

    def require_domain(self, work: UnitOfWork, name: str) -> None:
        """AccessDeniedException when the caller may not register a domain with this name and without tags."""
        entry = ENTRIES["swf:RegisterDomain"]._replace(request_tags=None, tag_keys=None)
        resource = domain_resource(self.caller.tenant, name)
        self._require(entry, resource, None, WorkFacts(work, self.caller.tenant))

    def decisions(self, work: UnitOfWork, execution: Execution) -> DecisionAccess:
        """The permissions of one list of decisions, all judged by one book."""
        return DecisionAccess(self, work, execution)

    # --- judging ---

    def _require_call(self, facts: Facts, request: Any, resource: Resource | None) -> bool:
        """Whether that lasts, as far as it does not come from the facts."""
        entry = self._entry
        if resource is None:
            assert entry.resource is not None, "a task token says what the call is about"
            resource = entry.resource(self.caller.tenant, request)
        self._judged_by, lasts = self._require(
            entry, resource, request, facts, () if entry.also is None else entry.also(request)
        )
        return lasts

    def _require(
        self, entry: Entry, resource: Resource, given: Any, facts: Facts, others: Sequence[str] = ()
    ) -> tuple[Verdicts | None, bool]:
        """By which book it was judged, and whether it will be judged so again as long as the book is the same. Raises
        the fault of the first denial, or writes all denials down. `others` are further actions on the same resource.
        """
        try:
            verdicts = self.verdicts()
            if not others and (self.caller.key, entry.action, resource) in verdicts.allowed:
                return verdicts, True
            standing = self.standing(verdicts)
        except Fault as fault:
            if not (self.enforces and isinstance(fault, ServiceUnavailable)):  # which refuses all callers
                self.write(_Denial(entry.action, resource.arn, fault.code, fault))
            if self.enforces:
                raise
            return None, False
        lasts = standing.key.expires_at is None
        denials: list[_Denial] = []
        for asked in (entry, *(ENTRIES[name] for name in others)):
            verdict = standing.verdict(asked, resource, given, facts)
            if not verdict.allowed:
                denials.append(standing.denied(asked.action, resource, verdict))
            lasts = lasts and verdict.lasts
        for denial in denials:
            self.write(denial)
            if self.enforces:
                raise denial.fault
        return verdicts, lasts

    def standing(self, verdicts: Verdicts) -> _Standing:
        """The caller with the key that it has now; UnrecognizedClientException when it has none any more."""
        authorization, key = self._authorization, self.caller.key
        current = None if key is None else verdicts.book.key(key.id)
        if key is None or current is None or not current.active:
            raise UnrecognizedClientException(UNRECOGNIZED)
        if current is not key and current.principal.id != key.principal.id:
            raise UnrecognizedClientException(UNRECOGNIZED)  # another user, who has the name of this one
        if current.expires_at is not None and current.expires_at <= authorization.now_ms():
            raise ExpiredTokenException("The security token included in the request is expired")
        return _Standing(verdicts, current, self.caller, authorization.now_ms)

    def write(self, denial: _Denial) -> None:
        """Into the audit trail."""
        key = self.caller.key
        self._authorization.trail.refused(
            Refusal(
                self._request_id,
                "" if key is None else key.id,
                "" if key is None else key.principal.arn,
                denial.action,
                denial.resource,
                denial.reason,
                "enforce" if self._authorization.enforces else "log",
                self.caller.source_ip,
                denial.policy,
                denial.statement,
            )
        )

    def verdicts(self) -> Verdicts:
        """Those of the newest book; ServiceUnavailable when it is too old."""
        return self._authorization.verdicts()

    @property
    def enforces(self) -> bool:
        return self._authorization.enforces


class _Standing(NamedTuple):
    """One caller before one book."""

    verdicts: Verdicts
    key: AccessKey
    caller: Caller
    now_ms: Callable[[], int]

    def verdict(self, entry: Entry, resource: Resource, given: Any, facts: Facts) -> Verdict:
        return self.verdicts.find(self.key, self.caller, entry, resource, given, facts, self.now_ms)

    def denial(self, entry: Entry, resource: Resource, given: Any, facts: Facts) -> _Denial | None:
        """None when it is allowed."""
        verdict = self.verdict(entry, resource, given, facts)
        return None if verdict.allowed else self.denied(entry.action, resource, verdict)

    def denied(self, action: str, resource: Resource, verdict: Verdict) -> _Denial:
        """In AWS's words (QUALITY §3.3)."""
        text = f"User: {self.key.principal.arn} is not authorized to perform: {action} on resource: {resource.arn}"
        if verdict.reason == "explicit-deny":
            ending = f"with an explicit deny in {self._kind_of(verdict, resource)}"
        elif verdict.reason == "session-policy":
            ending = f"because no session policy allows the {action} action"
        else:
            ending = f"because no identity-based policy allows the {action} action"
        fault = AccessDeniedException(f"{text} {ending}")
        return _Denial(action, resource.arn, verdict.reason, fault, verdict.policy, verdict.statement)

    def _kind_of(self, verdict: Verdict, resource: Resource) -> str:
        if verdict.policy == SESSION_POLICY:
            return "a session policy"
        own = self.verdicts.book.policies_of(self.key.principal)
        if any(named.name == verdict.policy for named in own):
            return "an identity-based policy"
        return "a resource-based policy"


class DecisionAccess:
    """Which decisions of one list are permitted (SWF §13.3)."""

    def __init__(self, access: CallAccess, work: UnitOfWork, execution: Execution) -> None:
        self._access = access
        self._work = work
        self._execution = execution
        domain = work.catalog.domain_by_id(execution.domain)
        self._resource = domain_resource(access.caller.tenant, domain.name)
        try:
            self._verdicts = access.verdicts()
        except Fault:
            self._verdicts = None  # since the call itself was judged, a moment ago

    def permits(self, decision_type: str, attributes: object) -> bool:
        """With `--auth log`: True, after writing down what would have been refused."""
        access, resource, verdicts = self._access, self._resource, self._verdicts
        entry = ENTRIES.get(f"swf:{decision_type}")
        if entry is None:
            return True  # ScheduleLambdaFunction is no action of policies (QUALITY §4.1)
        if verdicts is not None and (access.caller.key, entry.action, resource) in verdicts.allowed:
            return True
        if self._standing is None:
            return not access.enforces
        denial = self._standing.denial(entry, resource, attributes, self._facts)
        if denial is None:
            return True
        access.write(denial)
        return not access.enforces

    @cached_property
    def _facts(self) -> WorkFacts:
        return WorkFacts(self._work, self._access.caller.tenant, self._execution)

    @cached_property
    def _standing(self) -> _Standing | None:
        """None when the caller has no key any more."""
        try:
            return None if self._verdicts is None else self._access.standing(self._verdicts)
        except Fault:
            return None


def _resource_of(work: UnitOfWork, caller: Caller, token: TaskToken) -> Resource:
    """The domain of a task; all domains when it was deleted, so that a caller of another one learns nothing of it."""
    domain = token.domain
    if not domain:  # made before tokens had a domain
        execution = work.load_execution(token.run)
        domain = 0 if execution is None else execution.domain
    row = work.catalog.find_domain_by_id(domain) if domain else None
    if row is None or row.tenant != caller.tenant.key:
        return all_domains(caller.tenant)
    return domain_resource(caller.tenant, row.name)
