"""The Authorization header of AWS Signature Version 4 becomes the claim that it makes (QUALITY §3.2, steps 2 and 3).

Owns the grammar of the header and the texts about its form. Must not know which keys exist, nor what was signed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from workflowsvc.faults import IncompleteSignatureException, MissingAuthenticationTokenException

ALGORITHM = b"AWS4-HMAC-SHA256"
PARAMETERS = (b"Credential", b"Signature", b"SignedHeaders")  # in the order in which AWS misses them

# Clients put a comma, a blank or both between two parameters.
_SEPARATORS = re.compile(rb"[, \t]+")

# A signature must not get into answers that a client logs, whichever way its parameter was misspelt.
_SIGNATURE = re.compile(r"(signature\s*=\s*)[^,\s]+|[0-9a-f]{32,}", re.IGNORECASE)
_MAX_SHOWN = 1_024  # characters of a header in a message


class Claim(NamedTuple):
    """What a header claims; nothing of it has been checked."""

    credential: bytes
    signed_headers: bytes
    signature: bytes


def read_claim(authorization: bytes | None, older_scheme: bytes | None, *, has_date: bool) -> Claim:
    """The claim of an Authorization header, None without one. `older_scheme`: the value of X-Amzn-Authorization.

    Raises MissingAuthenticationTokenException when there is no signature of AWS's, IncompleteSignatureException when
    it is of another algorithm or has not all of its parts (QUALITY §3.3).
    """
    if authorization is None:
        if older_scheme is not None:
            raise _unsupported(_first_word(older_scheme))
        raise MissingAuthenticationTokenException
    authorization = authorization.strip()
    algorithm = _first_word(authorization)
    if algorithm != ALGORITHM:
        if algorithm.startswith(b"AWS"):
            raise _unsupported(algorithm)
        raise MissingAuthenticationTokenException
    found = _parameters(authorization)
    missing = "".join(
        f"Authorization header requires '{name.decode()}' parameter. "
        for name in PARAMETERS
        if not found.get(name)
    )
    if not has_date:
        missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
    if missing:
        raise IncompleteSignatureException(
            f"{missing}Authorization={_shown(authorization)}", detail=missing.strip()
        )
    return Claim(found[b"Credential"], found[b"SignedHeaders"], found[b"Signature"])


def _first_word(value: bytes) -> bytes:
    return value.split(maxsplit=1)[0] if value.strip() else b""


def _parameters(authorization: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for pair in _SEPARATORS.split(authorization[len(ALGORITHM) :]):
        if not pair:
            continue  # before the first parameter, or after the last comma
        name, equals, value = pair.partition(b"=")
        if not equals:
            wrong = "not a valid key=value pair (missing equal-sign) in Authorization header"
            raise IncompleteSignatureException(
                f"'{_shown(pair)}' {wrong}: '{_shown(authorization)}'.", detail=wrong
            )
        if name in found:
            wrong = f"Authorization header has more than one '{_shown(name)}' parameter."
            raise IncompleteSignatureException(
                f"{wrong} Authorization={_shown(authorization)}", detail="a parameter is repeated"
            )
        found[name] = value
    return found


def _unsupported(algorithm: bytes) -> IncompleteSignatureException:
    return IncompleteSignatureException(
        f"Unsupported AWS 'algorithm': '{_shown(algorithm)}'.",
        detail="another algorithm than AWS4-HMAC-SHA256",
    )


def _shown(value: bytes) -> str:
    """A part of the header for a message, without the signature."""
    return _SIGNATURE.sub(r"\1…", value[:_MAX_SHOWN].decode("latin-1"))
