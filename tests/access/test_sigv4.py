"""Signatures: what botocore signs is right, whatever differs from it is refused, and each refusal has AWS's words."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from types import FrameType
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.access.signed_requests import (
    ALICE,
    BOOK,
    KEY,
    NOW_MS,
    REGION,
    Raw,
    TestBook,
    access_key,
    signed,
)
from workflowsvc.access import sigv4
from workflowsvc.access.signing_keys import Scope, SigningKeys
from workflowsvc.access.sigv4 import WRONG_SIGNATURE, Signer, Verifier
from workflowsvc.faults import Fault

MINUTE_MS = 60_000
GOOD = signed()


def verify(request: Raw, book: TestBook = BOOK, *, now_ms: int = NOW_MS, window_seconds: int = 300) -> Signer:
    """As a verifier says it that has seen no request before, and one that remembers one: both say the same."""
    cold, warm = (Verifier(window_seconds, [REGION, "eu-central-1"]) for _ in range(2))
    assert warm.verify(GOOD, NOW_MS, BOOK)
    answer, other = (_answer(verifier, request, book, now_ms) for verifier in (cold, warm))
    if isinstance(answer, Fault):
        assert isinstance(other, Fault)
        assert (str(other), other.detail) == (str(answer), answer.detail)
        raise answer
    assert other == answer
    return answer


def _answer(verifier: Verifier, request: Raw, book: TestBook, now_ms: int) -> Signer | Fault:
    try:
        return verifier.verify(request, now_ms, book)
    except Fault as fault:
        return fault


def refusal(request: Raw, book: TestBook = BOOK, **how: Any) -> Fault:
    with pytest.raises(Fault) as raised:
        verify(request, book, **how)
    return raised.value


def test_the_signer_is_the_owner_of_the_key() -> None:
    assert verify(GOOD) == (KEY, REGION)
    assert verify(GOOD).key.principal == ALICE
    assert verify(signed(region="eu-central-1")).region == "eu-central-1"


# --- what clients may write differently ---

HEADER_VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])
    | st.just(" "),
    max_size=30,
)
HEADERS = st.dictionaries(
    st.from_regex(r"X-Mine-[A-Za-z0-9]{1,8}", fullmatch=True), HEADER_VALUES, max_size=5
).filter(lambda headers: len({name.lower() for name in headers}) == len(headers))
QUERY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: quote(text, safe="-_.~")
)
QUERY = st.lists(st.tuples(QUERY_TEXT.filter(bool), QUERY_TEXT), max_size=5).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
PATH = st.text(st.sampled_from("ab/.~ €"), max_size=12).map(lambda text: "/" + quote(text))


@given(HEADERS, QUERY, PATH, st.binary(max_size=200), st.randoms(use_true_random=False))
def test_whatever_botocore_signs_is_right(
    headers: dict[str, str], query: str, path: str, body: bytes, random: Any
) -> None:
    request = signed(
        url=f"https://swf.example.org{path}" + (f"?{query}" if query else ""), headers=headers, body=body
    )
    fields = list(request.fields)
    random.shuffle(fields)
    assert verify(replace(request, fields=fields)).key is KEY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b", ", b","),
        (b", ", b" "),
        (b", ", b" , "),
        (b"AWS4-HMAC-SHA256 ", b"AWS4-HMAC-SHA256   "),
        (b", ", b",,  "),
    ],
)
def test_parameters_may_be_separated_by_commas_and_blanks(old: bytes, new: bytes) -> None:
    assert verify(GOOD.with_authorization(old, new)).key is KEY


def test_parameters_come_in_any_order() -> None:
    algorithm, _, rest = (GOOD.header(b"authorization") or b"").partition(b" ")
    turned = algorithm + b" " + b", ".join(reversed(rest.split(b", ")))
    assert verify(GOOD.with_header(b"Authorization", turned)).key is KEY


def test_a_date_header_may_stand_in_for_x_amz_date() -> None:
    request = signed(headers={"Date": "any"})  # botocore then signs that one, spelled as HTTP has it
    assert request.header(b"x-amz-date") is None
    assert verify(request).key is KEY


def test_what_a_load_balancer_adds_need_not_be_signed() -> None:
    request = GOOD
    for name in (b"X-Amzn-Trace-Id", b"X-Amz-Cf-Id", b"X-Forwarded-For", b"Via"):
        request = request.with_header(name, b"added on the way")
    assert verify(request).key is KEY


# --- every change of what is signed ---


def test_every_changed_byte_of_what_is_signed_is_refused() -> None:
    signed_names = {b"host", b"content-type", b"x-amz-target", b"x-amz-date"}
    changed = [replace(GOOD, body=body) for body in _mutations(GOOD.body)]
    changed += [replace(GOOD, method=method) for method in _mutations(GOOD.method)]
    changed += [replace(GOOD, raw_path=path) for path in (b"/x", b"/x/", b"/%2F", b"*")]
    changed += [replace(GOOD, query=query) for query in (b"x", b"x=", b"=", b"&", b"a=b&c=d")]
    for index, (name, value) in enumerate(GOOD.fields):
        for other in _mutations(value):
            if name.lower() in signed_names or (
                name.lower() == b"authorization" and _claims(other) != _claims(value)
            ):
                changed.append(_with_field(GOOD, index, name, other))
    assert len(changed) > 1_500
    for request in changed:
        refusal(request)


def _mutations(text: bytes) -> list[bytes]:
    """Each byte once without it, and once replaced by each of a few others."""
    found: set[bytes] = set()
    for index in range(len(text)):
        found.add(text[:index] + text[index + 1 :])
        for other in (text[index] ^ 1, text[index] ^ 0x20, ord("0"), ord("=")):
            found.add(text[:index] + bytes([other]) + text[index + 1 :])
    return sorted(found - {text})


def _with_field(request: Raw, index: int, name: bytes, value: bytes) -> Raw:
    fields = list(request.fields)
    fields[index] = (name, value)
    return replace(request, fields=fields)


def _claims(authorization: bytes) -> list[bytes]:
    return sorted(authorization.replace(b",", b" ").split())


def test_a_header_field_that_is_added_twice_is_refused() -> None:
    for name, value in GOOD.fields:
        refusal(replace(GOOD, fields=[*GOOD.fields, (name.upper(), value)]))


def test_an_unsigned_target_is_refused() -> None:
    """Else a captured request could be made to do something else (QUALITY §3.2, step 5)."""
    request = signed(headers={"X-Amz-Target": ""})
    bare = signed_without_target()
    assert verify(bare).key is KEY
    swapped = bare.with_header(b"X-Amz-Target", b"SimpleWorkflowService.TerminateWorkflowExecution")
    assert refusal(swapped).message == "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."
    assert request.header(b"x-amz-target") == b""
    for name in (b"X-Amz-User-Agent", b"x-amz-", b"X-AMZ-Anything"):
        assert "must be a 'SignedHeader'" in str(refusal(GOOD.with_header(name, b"x")))


def signed_without_target() -> Raw:
    """As a request of curl, whose action is its path."""
    whole = signed(url="https://swf.example.org/ListDomains", headers={"X-Amz-Target": "x"})
    unsigned = whole.with_header(b"X-Amz-Target", None).with_header(b"Authorization", None)
    return resigned(unsigned)


def resigned(request: Raw, names: list[bytes] | None = None) -> Raw:
    """The same request with the signature of Alice over these header fields, all by default."""
    import hashlib
    import hmac

    from workflowsvc.access.canonical_request import canonical_head
    from workflowsvc.access.signing_keys import derive

    chosen = sorted(request.first) if names is None else names
    date = request.header(b"x-amz-date") or b""
    scope = Scope(date[:8], REGION.encode(), b"swf", b"aws4_request")
    hashed = (
        hashlib.sha256(
            canonical_head(request, b";".join(chosen), [name for name in chosen if name in request.first])
            + request.body_hash
        )
        .hexdigest()
        .encode()
    )
    to_sign = b"\n".join([b"AWS4-HMAC-SHA256", date, b"/".join(scope), hashed])
    signature = hmac.digest(derive(KEY.secret, scope), to_sign, "sha256").hex().encode()
    return request.with_header(
        b"Authorization",
        b"AWS4-HMAC-SHA256 Credential=%b, SignedHeaders=%b, Signature=%b"
        % (b"/".join((KEY.id.encode(), *scope)), b";".join(chosen), signature),
    )


@pytest.mark.parametrize(
    "names",
    [
        [b"x-amz-date", b"host", b"x-amz-target"],
        [b"host", b"host", b"x-amz-date", b"x-amz-target"],
        [b"host", b"not-there", b"x-amz-date", b"x-amz-target"],
        [b"", b"host", b"x-amz-date", b"x-amz-target"],
        [b"Host", b"host", b"x-amz-date", b"x-amz-target"],
    ],
)
def test_signed_headers_are_sorted_and_there(names: list[bytes]) -> None:
    assert "SignedHeaders must be" in str(refusal(resigned(GOOD, names)))


def test_the_host_is_signed() -> None:
    fault = refusal(resigned(GOOD, [b"x-amz-date", b"x-amz-target"]))
    assert str(fault) == (
        "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    )


# --- the words of each refusal (QUALITY §3.3) ---


def test_no_signature_at_all() -> None:
    missing = "MissingAuthenticationTokenException: Request is missing Authentication Token"
    assert str(refusal(GOOD.with_header(b"Authorization", None))) == missing
    for other in (b"Basic YWxpY2U6c2VjcmV0", b"Bearer x", b"", b" "):
        assert str(refusal(GOOD.with_header(b"Authorization", other))) == missing


@pytest.mark.parametrize(
    ("header", "value", "shown"),
    [
        (b"Authorization", b"AWS4-HMAC-SHA512 Credential=x", "AWS4-HMAC-SHA512"),
        (b"Authorization", b"AWS4-ECDSA-P256-SHA256 Credential=x", "AWS4-ECDSA-P256-SHA256"),
        (b"Authorization", b"AWS AKID:signature", "AWS"),
        (b"Authorization", b"AWS3 AWSAccessKeyId=x,Algorithm=HmacSHA256,Signature=y", "AWS3"),
        (b"X-Amzn-Authorization", b"AWS3 AWSAccessKeyId=x,Algorithm=HmacSHA256,Signature=y", "AWS3"),
    ],
)
def test_other_algorithms(header: bytes, value: bytes, shown: str) -> None:
    request = GOOD.with_header(b"Authorization", None).with_header(header, value)
    assert str(refusal(request)) == f"IncompleteSignatureException: Unsupported AWS 'algorithm': '{shown}'."


def test_all_missing_parts_are_named_in_one_message() -> None:
    request = GOOD.with_header(b"Authorization", b"AWS4-HMAC-SHA256 X=y").with_header(b"X-Amz-Date", None)
    assert str(refusal(request)) == (
        "IncompleteSignatureException: Authorization header requires 'Credential' parameter. "
        "Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        "Authorization=AWS4-HMAC-SHA256 X=y"
    )


def test_a_signature_is_never_sent_back_nor_logged() -> None:
    signature = (GOOD.header(b"authorization") or b"")[-64:].decode()
    for old, new in (
        (b"Credential=", b"Credentials="),
        (b"Credential=", b""),
        (b"Signature=", b"Signature"),
        (b"Signature=", b"Signature= "),
        (b"Signature=", b"signature="),
        (b"Signature=", b"Signature=x, Signature="),
    ):
        fault = refusal(GOOD.with_authorization(old, new))
        assert signature not in fault.body().decode()
        assert "AKID" not in (fault.detail or "")


def test_a_pair_without_an_equal_sign() -> None:
    fault = refusal(GOOD.with_header(b"Authorization", b"AWS4-HMAC-SHA256 Foo"))
    assert str(fault) == (
        "IncompleteSignatureException: 'Foo' not a valid key=value pair (missing equal-sign) in Authorization header: "
        "'AWS4-HMAC-SHA256 Foo'."
    )


@pytest.mark.parametrize(
    "date", ["today", "2015-08-30T12:36:00Z", "20150230T123600Z", "20150830T123660Z", ""]
)
def test_a_date_of_another_form(date: str) -> None:
    assert str(refusal(GOOD.with_header(b"X-Amz-Date", date.encode()))) == (
        "IncompleteSignatureException: Date must be in ISO-8601 'basic format'. "
        f"Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


@pytest.mark.parametrize("credential", [b"AKIDALICE", b"a/b/c/d/e/f", b"/"])
def test_a_credential_has_five_parts(credential: bytes) -> None:
    whole = f"{KEY.id}/20150830/{REGION}/swf/aws4_request".encode()
    assert str(refusal(GOOD.with_authorization(whole, credential))) == (
        "IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. "
        f"keyid/date/region/service/term, got '{credential.decode()}'"
    )


def test_all_that_is_wrong_with_the_scope_is_in_one_message() -> None:
    request = GOOD.with_authorization(
        f"20150830/{REGION}/swf/aws4_request".encode(), b"20150829/mars-1/dynamodb/aws5_request"
    )
    assert str(refusal(request)) == (
        "InvalidSignatureException: Credential should be scoped to a valid region, not 'mars-1'. "
        "Credential should be scoped to correct service: 'swf'. "
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20150829' != '20150830', from '20150830T123600Z'."
    )


def test_a_signature_holds_for_the_window_before_and_after_its_date() -> None:
    for offset in (-5 * MINUTE_MS, 5 * MINUTE_MS):
        assert verify(GOOD, now_ms=NOW_MS + offset).key is KEY
    assert str(refusal(GOOD, now_ms=NOW_MS + 5 * MINUTE_MS + 1_000)) == (
        "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
        "(20150830T124101Z - 5 min.)"
    )
    assert str(refusal(GOOD, now_ms=NOW_MS - 5 * MINUTE_MS - 1_000)) == (
        "InvalidSignatureException: Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z "
        "(20150830T123059Z + 5 min.)"
    )
    assert verify(GOOD, now_ms=NOW_MS + 15 * MINUTE_MS, window_seconds=900).key is KEY
    assert "+ 10 sec.)" in str(refusal(GOOD, now_ms=NOW_MS - MINUTE_MS, window_seconds=10))


def test_signatures_in_the_query_are_refused() -> None:
    presigned = replace(GOOD, query=b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0")
    assert str(refusal(presigned)) == (
        "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP "
        "header."
    )
    alone = presigned.with_header(b"Authorization", None)
    assert str(refusal(alone)).startswith(
        "IncompleteSignatureException: A signature in the query is not accepted"
    )
    assert "too many parameters" in str(refusal(replace(GOOD, query=b"&".join([b"a"] * 200))))


def test_the_body_is_always_signed() -> None:
    right = GOOD.body_hash.decode()
    assert verify(signed(headers={"X-Amz-Content-SHA256": right})).key is KEY
    for wrong in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        assert "unsigned and streaming payloads are not" in str(
            refusal(signed(headers={"X-Amz-Content-SHA256": wrong}))
        )
    assert "does not match what was computed" in str(
        refusal(signed(headers={"X-Amz-Content-SHA256": "0" * 64}))
    )


# --- keys ---


def test_a_key_that_cannot_sign_is_refused_like_a_wrong_secret() -> None:
    """No caller without a key's secret learns whether the key exists (docs/decisions/0028)."""
    past = NOW_MS - 1
    for book in (
        TestBook(),
        TestBook(access_key(secret="another")),
        TestBook(access_key(active=False)),
        TestBook(access_key(expires_at=past)),
        TestBook(access_key(secret="another", expires_at=past, token="token")),
        TestBook(access_key(secret="another", token="token")),
    ):
        assert str(refusal(GOOD, book)) == f"InvalidSignatureException: {WRONG_SIGNATURE}"
    for signature in (b"x" * 64, b"0" * 63, b"A" * 64, b"'"):
        request = GOOD.with_authorization((GOOD.header(b"authorization") or b"")[-64:], signature)
        assert str(refusal(request)) == f"InvalidSignatureException: {WRONG_SIGNATURE}"


def test_the_log_says_what_the_answer_does_not() -> None:
    assert refusal(GOOD, TestBook()).detail == "the access key does not exist"
    assert refusal(GOOD, TestBook(access_key(active=False))).detail == "the access key is not active"
    assert refusal(GOOD, TestBook(access_key(expires_at=NOW_MS))).detail == "the access key has expired"
    assert "another secret" in (refusal(GOOD, TestBook(access_key(secret="x"))).detail or "")


def test_the_log_quotes_nothing_that_was_sent() -> None:
    """A client that mixes up the id of its key and the secret sends the secret."""
    canary = b"wJalrXUtnFEMI"
    given = GOOD.header(b"authorization") or b""
    requests = [
        GOOD.with_header(b"Authorization", canary),
        GOOD.with_header(b"Authorization", b"AWS" + canary),
        GOOD.with_header(b"X-Amz-Date", canary),
        GOOD.with_header(b"X-Amz-" + canary, b""),
        GOOD.with_header(b"X-Amz-Content-SHA256", canary),
        *(
            GOOD.with_authorization(part, canary)
            for part in (KEY.id.encode(), b"20150830", REGION.encode(), b"swf", b"aws4_request", given[-64:])
        ),
        GOOD.with_authorization(b"Credential=", b"Credential=" + canary + b"/"),
        GOOD.with_authorization(b"SignedHeaders=", b"SignedHeaders=" + canary + b";"),
        GOOD.with_authorization(b"Credential=", canary + b","),
        GOOD.with_authorization(b"Credential=", canary + b"=,"),
        replace(GOOD, query=b"X-Amz-Algorithm=" + canary),
    ]
    details = [refusal(request).detail or "" for request in requests]
    assert not [detail for detail in details if canary.decode() in detail]


def test_an_unknown_key_costs_the_work_of_a_wrong_secret() -> None:
    """Counted in calls; also when the signing key of the one with the wrong secret, and the form, are remembered."""
    verifier = Verifier(300, [REGION])
    wrong = signed(secret="wrong")
    cases = {
        "unknown": (signed(key_id="AKIDOTHER", secret="wrong"), BOOK),
        "wrong secret": (wrong, BOOK),
        "not active": (wrong, TestBook(access_key(active=False))),
        "expired": (wrong, TestBook(access_key(expires_at=1))),
    }
    for _ in range(2):
        work = {name: _calls(verifier, *case) for name, case in cases.items()}
        assert len({tuple(sorted(calls.items())) for calls in work.values()}) == 1, work
        verifier.verify(GOOD, NOW_MS, BOOK)  # remembers signing key and form


def _calls(verifier: Verifier, request: Raw, book: TestBook) -> Counter[str]:
    """How often each function was called to refuse the request."""
    request.body_hash, request.repeated, request.first  # noqa: B018 - computed once
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            calls[
                frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name
            ] += 1
        elif event == "c_call":
            calls[argument.__name__] += 1

    sys.setprofile(count)
    try:
        verifier.verify(request, NOW_MS, book)
    except Fault:
        pass
    finally:
        sys.setprofile(None)
    return calls


def test_a_temporary_key_comes_with_its_token_and_no_other_key_with_any() -> None:
    temporary = TestBook(access_key(token="the token", expires_at=NOW_MS + 1))
    assert verify(signed(token="the token"), temporary).key.session_token is not None
    invalid = "UnrecognizedClientException: The security token included in the request is invalid."
    assert str(refusal(signed(token="another token"), temporary)) == invalid
    assert str(refusal(signed(token=""), temporary)) == invalid
    assert str(refusal(GOOD, temporary)) == invalid
    assert str(refusal(signed(token="the token"))) == invalid
    unsigned = GOOD.with_header(b"X-Amz-Security-Token", b"the token")
    assert verify(unsigned, temporary).key.session_token is not None
    assert str(refusal(signed(token="the token"), temporary, now_ms=NOW_MS + 1)) == (
        "ExpiredTokenException: The security token included in the request is expired"
    )


def test_a_changed_secret_holds_at_once() -> None:
    verifier = Verifier(300, [REGION])
    assert verifier.verify(GOOD, NOW_MS, BOOK).key is KEY
    changed = TestBook(access_key(secret="changed"))
    with pytest.raises(Fault):
        verifier.verify(GOOD, NOW_MS, changed)
    assert verifier.verify(signed(secret="changed"), NOW_MS, changed).key is changed.key(KEY.id)


def test_signing_keys_are_bounded_in_number() -> None:
    kept = SigningKeys(max_kept=3)
    scopes = [Scope(b"%08d" % day, b"r", b"swf", b"aws4_request") for day in range(10)]
    for scope in scopes:
        kept.keep(KEY, scope, b"key of " + scope.date)
        kept.keep(KEY, scope, b"key of " + scope.date)
    assert len(kept) == 3
    assert kept.find(KEY, scopes[-1]) == b"key of 00000009"
    assert kept.find(KEY, scopes[0]) is None
    assert kept.find(access_key(), scopes[-1]) is None


def test_what_is_kept_of_requests_is_bounded_whatever_a_client_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigv4, "MAX_TEXTS", 3)
    verifier = Verifier(300, [REGION])
    kept: Any = vars(verifier)["_texts"]
    for number in range(5):
        for name in ("X-Mine", "X-Yours"):  # two forms
            assert verifier.verify(signed(headers={name: f"value {number}"}), NOW_MS, BOOK).key is KEY
            assert 1 <= len(kept) <= 3
    for blanks in (" " * 5_000, "x" * 5_000):
        long = signed(headers={"X-Mine": f"a{blanks}b"})
        assert verifier.verify(long, NOW_MS, BOOK).key is KEY
        assert all(sum(map(len, place[2:])) <= sigv4.MAX_TEXT_BYTES + len("POST") for place in kept)


# --- anything else ---


@settings(max_examples=500)
@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=60))
def test_no_bytes_are_accepted_or_break_it(
    authorization: bytes, date: bytes, query: bytes, path: bytes
) -> None:
    for scheme in (
        b"",
        b"AWS4-HMAC-SHA256 ",
        b"AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=host,Signature=",
    ):
        request = GOOD.with_header(b"Authorization", scheme + authorization)
        refusal(request)
        refusal(request.with_header(b"X-Amz-Date", date))
        refusal(replace(request, query=query, raw_path=b"/" + path))
