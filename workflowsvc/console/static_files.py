"""The few files that pages load: style sheet and scripts, held in memory.

Owns their addresses, which change with their content, so that a browser may keep each for ever.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"


class StaticFiles:
    """All files of the folder that pages can load."""

    def __init__(self) -> None:
        self._files = {
            file.name: (file.read_bytes(), TYPES[file.suffix])
            for file in sorted(FOLDER.iterdir())
            if file.suffix in TYPES
        }
        self._versions = {
            name: hashlib.sha256(data).hexdigest()[:12] for name, (data, _) in self._files.items()
        }

    def address(self, name: str) -> str:
        """The path of a file; KeyError when there is none."""
        return f"/static/{name}?v={self._versions[name]}"

    def answer(self, request: Request) -> Response:
        """The file that the path names; 404 when there is none."""
        name = request.path_params["name"]
        if name not in self._files:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        data, media_type = self._files[name]
        is_this_version = request.query_params.get("v") == self._versions[name]
        headers = {"cache-control": FOR_EVER} if is_this_version else {}
        return Response(data, media_type=media_type, headers=headers)
