"""Small PNG files: a picture with at most 256 colours, which pages of text get along with.

Owns the choice of the colours and the file format (PNG, third edition: colour type 3). The pixels are read by the
browser that has made the picture.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

COLOURS = 256

# Half of the colours are the most frequent ones. The other half are, one after another, those that are farthest from
# all that are kept, so that a single red number stays red. All others, on the edges of letters, become the nearest one.
_REDUCE = """
async ([png, most]) => {
  const blob = await (await fetch(`data:image/png;base64,${png}`)).blob();
  const image = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const counts = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    counts.set(colour, (counts.get(colour) || 0) + 1);
  }
  const ranked = [...counts].sort((one, other) => other[1] - one[1] || one[0] - other[0]).map(([colour]) => colour);
  const part = (colour, shift) => (colour >> shift) & 255;
  const distance = (one, other) =>
    [0, 8, 16].reduce((sum, shift) => sum + (part(one, shift) - part(other, shift)) ** 2, 0);
  const kept = [];
  const nearest = ranked.map(() => ({ number: 0, far: Infinity }));
  const keep = (colour) => {
    ranked.forEach((one, at) => {
      const far = distance(one, colour);
      if (far < nearest[at].far) nearest[at] = { number: kept.length, far };
    });
    kept.push(colour);
  };
  ranked.slice(0, most / 2).forEach(keep);
  while (kept.length < most && kept.length < ranked.length) {
    let at = 0;
    nearest.forEach(({ far }, other) => { if (far > nearest[at].far) at = other; });
    keep(ranked[at]);
  }
  const numbers = new Map(ranked.map((colour, at) => [colour, nearest[at].number]));
  let indices = "";
  for (let at = 0; at < data.length; at += 4) {
    indices += String.fromCharCode(numbers.get((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]));
  }
  return { width: image.width, height: image.height, colours: kept, indices: btoa(indices) };
}
"""


def reduced(browser: Browser, png: bytes) -> bytes:
    """The same picture with at most 256 colours."""
    page = browser.new_page()
    try:
        found = page.evaluate(_REDUCE, [base64.b64encode(png).decode(), COLOURS])
    finally:
        page.close()
    return _encode(found["width"], found["height"], found["colours"], base64.b64decode(found["indices"]))


def _encode(width: int, height: int, colours: list[int], indices: bytes) -> bytes:
    rows = b"".join(b"\0" + indices[row * width : (row + 1) * width] for row in range(height))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(colour.to_bytes(3, "big") for colour in colours)),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
