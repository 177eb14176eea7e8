"""Whether a request was signed by a key of this installation: AWS Signature Version 4 (QUALITY §3.2, §3.3).

Owns the order of the checks and the texts of refusals. The request is taken as it was received, the time and the keys
are arguments. Must not know what the request asks for, nor how keys are stored.

The `detail` of each fault, for logs, is one of a few sentences and never quotes the request.

Until a signature is right, its sender learns nothing about keys: a key that does not exist, is not active or has
expired is refused in the same words, and after the same work, as a wrong secret (docs/decisions/0028).
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from workflowsvc.access.authorization_header import ALGORITHM, read_claim
from workflowsvc.access.book import AccessKey, Book, Principal
from workflowsvc.access.canonical_request import RawRequest, canonical_head, parameters
from workflowsvc.access.signed_date import signed_date, spelled
from workflowsvc.access.signing_keys import TERMINATOR, Scope, SigningKeys, prepare, sign
from workflowsvc.faults import (
    ExpiredTokenException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MalformedHttpRequestException,
    UnrecognizedClientException,
)

DATE, AMZ_DATE = b"date", b"x-amz-date"
AUTHORIZATION, OLDER_AUTHORIZATION = b"authorization", b"x-amzn-authorization"
TOKEN, CONTENT_HASH = b"x-amz-security-token", b"x-amz-content-sha256"

# What a client of AWS puts last in its Authorization header.
SIGNATURE_IS = b"Signature="

# Header fields that decide: a proxy that reads the other one of two must not have been asked.
ONCE = (AUTHORIZATION, AMZ_DATE, TOKEN, CONTENT_HASH)

# Besides `host`, all that begin so must be signed: X-Amz-Target names the action. The session token may be added after
# signing (QUALITY §3.2, step 5), and a load balancer adds what traces a request.
SIGNED_PREFIX = b"x-amz-"
MAY_BE_UNSIGNED = frozenset((TOKEN, b"x-amz-cf-id"))

# No client of SWF sends any, and each costs two microseconds.
MAX_QUERY_PARAMETERS = 100

MAX_REMEMBERED = 256  # forms, and lists of signed header fields: each kind of client has one or two
MAX_TEXTS, MAX_TEXT_BYTES = 1_024, 2_048  # of one second there are a few, a hundred bytes each

_SIGNATURE = re.compile(rb"[0-9a-f]{64}")
_PRESIGNED = (b"X-Amz-Algorithm", b"X-Amz-Credential", b"X-Amz-Signature")
_BODY_NOT_SIGNED = (b"UNSIGNED-PAYLOAD", b"STREAMING-")

WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
WRONG_TOKEN = "The security token included in the request is invalid."
EXPIRED_TOKEN = "The security token included in the request is expired"
UNORDERED = (
    "SignedHeaders must be in lower case, sorted and without repetitions, and name headers of the request."
)

# Signs for keys that cannot: as much work as for the others.
NO_KEY = AccessKey("", Principal("", "", ""), b"-" * 40, active=True)


class Signer(NamedTuple):
    """Whose signature it was, and for which region."""

    key: AccessKey
    region: str


class _Form:
    """What does not change from one request of a client to its next, within a day, whichever key it has."""

    __slots__ = ("day", "names", "region", "scope", "signed_headers")

    def __init__(self, scope: Scope, day: str, signed_headers: bytes, names: tuple[bytes, ...]) -> None:
        """`day` is like `20150830`; `names` are those in `signed_headers`."""
        self.scope = scope
        self.day = day
        self.signed_headers = signed_headers
        self.names = names
        self.region = scope.region.decode()


_Texts = tuple[bytes, bytes]
"""What is signed, but for its end: the request without the hash of its body, the text without that of the request."""


_Reading = tuple[_Form, bytes, str, bytes]
"""A request whose signature may be right, as everything else about it is in order: its form, the key id, when it was
signed, the signature."""


class Verifier:
    """Verifies requests; belongs to one thread."""

    def __init__(self, window_seconds: int, regions: Collection[str], service: str = "swf") -> None:
        """`window_seconds`: how far a signature's date may be from now. `regions`: those of this installation.
        `service`: the one that is called, as clients name it.
        """
        self._service = service.encode()
        self._window = window_seconds
        self._regions = frozenset(region.encode() for region in regions)
        self._signing_keys = SigningKeys()
        # By everything that a form depends on: the Authorization header but for key id and signature, and the names of
        # all header fields. Only requests with a right signature get here, so that a stranger cannot fill it.
        self._forms: dict[tuple[bytes, ...], _Form] = {}
        self._texts: dict[tuple[_Form | str | bytes, ...], _Texts] = {}

    def verify(self, request: RawRequest, now_ms: int, book: Book) -> Signer:
        """Who signed the request; raises a Fault when it is not known that a key of the book did."""
        first = request.first
        if request.query:
            _require_no_presigned_query(request)
        if request.repeated:
            require_once(request, ONCE if AMZ_DATE in first else (*ONCE, DATE))
        # `AWS4-HMAC-SHA256 Credential=`, the key id, what follows it, and the signature. When a client has them in
        # another order, no key id stands in its place, and the form is not remembered.
        before, _, signature = first.get(AUTHORIZATION, b"").rpartition(SIGNATURE_IS)
        head, _, rest = before.partition(b"/")
        lead, _, key_id = head.partition(b"=")
        kind = (lead, rest, *first)
        now = now_ms // 1000
        reading = self._recall(request, kind, key_id, signature, now)
        is_new = reading is None
        form, named, signed_at, claimed = reading or self._read(request, now)
        canonical, to_sign = self._texts_of(request, form, signed_at)
        to_sign += hashlib.sha256(canonical + request.body_hash).hexdigest().encode()
        key = self._key_that_signed(claimed, named, form.scope, to_sign, now_ms, book)
        token = first.get(TOKEN)
        if token is not None or key.session_token is not None:
            _require_token(key, token, now_ms)
        if is_new and signature == claimed and key_id == named and key_id.isalnum():
            self._remember(kind, form)
        return Signer(key, form.region)

    def _texts_of(self, request: RawRequest, form: _Form, signed_at: str) -> _Texts:
        """Requests of one second that call the same action differ in their bodies alone, so the texts are kept."""
        if request.repeated or request.query or request.raw_path != b"/":
            return _make_texts(request, form, signed_at)
        first = request.first
        values = [first[name] for name in form.names]
        place = (form, signed_at, request.method, *values)
        texts = self._texts.get(place)
        if texts is None:
            texts = _make_texts(request, form, signed_at)
            if sum(map(len, values)) <= MAX_TEXT_BYTES:
                if len(self._texts) >= MAX_TEXTS:
                    self._texts.clear()
                self._texts[place] = texts
        return texts

    def _recall(
        self, request: RawRequest, kind: tuple[bytes, ...], key_id: bytes, signature: bytes, now: int
    ) -> _Reading | None:
        """The request, read as another one of its kind was; None when `_read` has to say what is wrong with it."""
        form = self._forms.get(kind)
        if form is None or not key_id.isalnum() or _SIGNATURE.fullmatch(signature) is None:
            return None
        header = request.first.get
        amz_date = header(AMZ_DATE)
        signed_at, seconds = signed_date(amz_date, None if amz_date is not None else header(DATE))
        if abs(seconds - now) > self._window or signed_at[:8] != form.day:
            return None
        _require_signed_body(request)
        return form, key_id, signed_at, signature

    def _remember(self, kind: tuple[bytes, ...], form: _Form) -> None:
        if len(self._forms) >= MAX_REMEMBERED:
            self._forms.clear()
        self._forms[kind] = form

    def _read(self, request: RawRequest, now: int) -> _Reading:
        """Raises a Fault for everything that is wrong but the signature, in AWS's order."""
        header = request.first.get
        amz_date, date = header(AMZ_DATE), header(DATE)
        has_date = amz_date is not None or date is not None
        claim = read_claim(header(AUTHORIZATION), header(OLDER_AUTHORIZATION), has_date=has_date)
        signed_at, seconds = signed_date(amz_date, None if amz_date is not None else date)
        names = _signed_names(request, claim.signed_headers)
        self._require_near(signed_at, seconds, now)
        key_id, scope = self._scope(claim.credential, signed_at)
        _require_signed_body(request)
        if _SIGNATURE.fullmatch(claim.signature) is None:
            raise InvalidSignatureException(WRONG_SIGNATURE, detail="the signature is not of 64 digits")
        form = _Form(scope, signed_at[:8], claim.signed_headers, names)
        return form, key_id, signed_at, claim.signature

    def _key_that_signed(
        self, claimed: bytes, key_id: bytes, scope: Scope, to_sign: bytes, now_ms: int, book: Book
    ) -> AccessKey:
        """InvalidSignatureException when there is none, after the same work for whatever reason."""
        key = book.key(key_id.decode("latin-1")) or NO_KEY
        expired = _expired(key, now_ms) and key.session_token is None
        signer = key if key.active and not expired else NO_KEY
        kept = self._signing_keys.find(signer, scope)
        prepared = kept or prepare(signer.secret, scope)
        if not hmac.compare_digest(sign(prepared, to_sign), claimed) or signer is NO_KEY:
            if kept is not None:
                prepare(NO_KEY.secret, scope)  # as for a key that was not kept
            raise InvalidSignatureException(WRONG_SIGNATURE, detail=_reason(key, expired=expired))
        if kept is None:
            self._signing_keys.keep(signer, scope, prepared)
        return signer

    def _require_near(self, signed_at: str, seconds: int, now: int) -> None:
        window = self._window
        minutes = f"{window // 60} min." if window % 60 == 0 else f"{window} sec."
        if seconds < now - window:
            raise InvalidSignatureException(
                f"Signature expired: {signed_at} is now earlier than {spelled(now - window)} "
                f"({spelled(now)} - {minutes})",
                detail=f"the signature is more than {window} s old",
            )
        if seconds > now + window:
            raise InvalidSignatureException(
                f"Signature not yet current: {signed_at} is still later than {spelled(now + window)} "
                f"({spelled(now)} + {minutes})",
                detail=f"the signature is from more than {window} s ahead",
            )

    def _scope(self, credential: bytes, signed_at: str) -> tuple[bytes, Scope]:
        """The key id and the scope of a credential that is meant for this service, here and on this day."""
        key_id, *parts = credential.split(b"/")
        if len(parts) != len(Scope._fields):
            raise IncompleteSignatureException(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "
                f"'{credential.decode('latin-1')}'",
                detail="the credential has not 5 parts",
            )
        scope = Scope(*parts)
        day = signed_at[:8]
        wrong, others = "", list[str]()
        if scope.region not in self._regions:
            wrong += (
                f"Credential should be scoped to a valid region, not '{scope.region.decode('latin-1')}'. "
            )
            others.append("region")
        if scope.service != self._service:
            wrong += f"Credential should be scoped to correct service: '{self._service.decode()}'. "
            others.append("service")
        if scope.terminator != TERMINATOR:
            terminator = scope.terminator.decode("latin-1")
            wrong += (
                f"Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'. "
            )
            others.append("terminator")
        if scope.date != day.encode():
            wrong += (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{scope.date.decode('latin-1')}' != '{day}', from '{signed_at}'."
            )
            others.append("day")
        if wrong:
            raise InvalidSignatureException(
                wrong, detail=f"the signature is for another {' and '.join(others)}"
            )
        return key_id, scope


def _make_texts(request: RawRequest, form: _Form, signed_at: str) -> _Texts:
    to_sign = b"\n".join((ALGORITHM, signed_at.encode(), b"/".join(form.scope), b""))
    return canonical_head(request, form.signed_headers, form.names), to_sign


def _reason(key: AccessKey, *, expired: bool) -> str:
    """Why no key has signed; for the log alone."""
    if key is NO_KEY:
        return "the access key does not exist"
    if not key.active:
        return "the access key is not active"
    if expired:
        return "the access key has expired"
    return "the access key has another secret, or something on the way has changed the request"


def _expired(key: AccessKey, now_ms: int) -> bool:
    return key.expires_at is not None and now_ms >= key.expires_at


def _require_token(key: AccessKey, token: bytes | None, now_ms: int) -> None:
    """A temporary key comes with its session token, and no other key with any."""
    given = hashlib.sha256(token or b"").digest()
    if (token is None) != (key.session_token is None) or (
        key.session_token is not None and not hmac.compare_digest(given, key.session_token)
    ):
        raise UnrecognizedClientException(WRONG_TOKEN, detail="the session token is not that of the key")
    if _expired(key, now_ms):
        raise ExpiredTokenException(EXPIRED_TOKEN, detail="the temporary key has expired")


def require_once(request: RawRequest, names: Iterable[bytes]) -> None:
    """MalformedHttpRequestException when the request has two of one of these header fields."""
    for name in names:
        if name in request.repeated:
            raise MalformedHttpRequestException(f"A request has one {name.decode().title()} header")


def _require_no_presigned_query(request: RawRequest) -> None:
    if request.query.count(b"&") >= MAX_QUERY_PARAMETERS:
        raise MalformedHttpRequestException("The query has too many parameters")
    names = {name for name, _ in parameters(request.query)}
    if _PRESIGNED[0] in names and request.first.get(AUTHORIZATION) is not None:
        raise InvalidSignatureException(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
    if not names.isdisjoint(_PRESIGNED):
        raise IncompleteSignatureException(
            "A signature in the query is not accepted: SWF has no presigned requests. Sign with the Authorization "
            "header."
        )


def _signed_names(request: RawRequest, signed_headers: bytes) -> tuple[bytes, ...]:
    """The names of the signed header fields, when they are all that must be signed."""
    names = _ordered(signed_headers)
    present = request.first
    if not names or len(names) > len(present):
        raise InvalidSignatureException(UNORDERED)
    if b"host" not in names:
        raise InvalidSignatureException(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    for name in names:
        if name not in present:
            raise InvalidSignatureException(UNORDERED)
    for name in present:
        if name.startswith(SIGNED_PREFIX) and name not in names and name not in MAY_BE_UNSIGNED:
            raise InvalidSignatureException(
                f"'{name.decode('latin-1')}' must be a 'SignedHeader' in the AWS Authorization.",
                detail="a header that begins with X-Amz- is not signed",
            )
    return names


@functools.lru_cache(MAX_REMEMBERED)
def _ordered(signed_headers: bytes) -> tuple[bytes, ...]:
    """The names, none when they are not in the one order that is right."""
    names = signed_headers.split(b";")
    return tuple(names) if sorted({name.lower() for name in names}) == names else ()


def _require_signed_body(request: RawRequest) -> None:
    """The hash of the body is always a part of what is signed; a header that gives another one is refused."""
    given = request.first.get(CONTENT_HASH)
    if given is None or given == request.body_hash:
        return
    if given.startswith(_BODY_NOT_SIGNED):
        raise InvalidSignatureException(
            "'x-amz-content-sha256' must be the SHA-256 of the body: unsigned and streaming payloads are not accepted."
        )
    raise InvalidSignatureException(
        "The provided 'x-amz-content-sha256' header does not match what was computed."
    )
