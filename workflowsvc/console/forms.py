"""Forms as browsers send them: fields, and on one page a file.

Owns their size and what is refused. A file is held in memory, never written to a disk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from workflowsvc.console.page import File, Form
from workflowsvc.console.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_FORM_BYTES = 1_048_576  # as a call of the API may have
MAX_FILE_BYTES = 32 << 20  # 25,000 events of 1.3 KB
MAX_FIELDS = 2_000  # a page of a thousand ticked runs, and what is done to them
MAX_FIELDS_BESIDE_FILE = 20
MAX_FIELD_BYTES = 10_000  # of a field beside a file
MAX_UPLOADS = 4  # that are being sent

FIELDS = "application/x-www-form-urlencoded"
WITH_FILE = "multipart/form-data"

_sending = 0


async def read_form(request: Request, *, with_file: bool) -> Form:
    """The fields of the form, and its file. Refusal when it is another form than the page has, or too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != (WITH_FILE if with_file else FIELDS):
        raise Refusal(415, "This is no form", "Send it from the page, as a form.")
    return await _with_file(request) if with_file else await _fields(request)


async def _stream(request: Request, most: int) -> AsyncGenerator[bytes]:
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        if read > most:
            raise Refusal(413, "The form is too large", f"It may have at most {most:,} bytes.")
        yield chunk


async def _fields(request: Request) -> Form:
    body = bytearray()
    async for chunk in _stream(request, MAX_FORM_BYTES):
        body += chunk
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Refusal(
            400, "The form cannot be read", "Its fields are not text, or there are too many."
        ) from None
    # Browsers send the ends of lines as CR LF.
    return Form([(name, value.replace("\r\n", "\n")) for name, value in fields])


class _InMemory(MultiPartParser):
    spool_max_size = MAX_FILE_BYTES + 1


async def _with_file(request: Request) -> Form:
    global _sending
    if _sending >= MAX_UPLOADS:
        raise Refusal(429, "Too many files at once", "Others are being sent. Try again in a moment.")
    _sending += 1
    try:
        parser = _InMemory(
            request.headers,
            _stream(request, MAX_FILE_BYTES),
            max_files=1,
            max_fields=MAX_FIELDS_BESIDE_FILE,
            max_part_size=MAX_FIELD_BYTES,
        )
        parts = await parser.parse()
        file: File | None = None
        fields: list[tuple[str, str]] = []
        for name, value in parts.multi_items():
            if isinstance(value, UploadFile):
                file = File(value.filename or "", await value.read())
            else:
                fields.append((name, value))
        await parts.close()
    except MultiPartException:
        raise Refusal(400, "The form cannot be read", "It is not a form with one file.") from None
    finally:
        _sending -= 1
    return Form(fields, file)
