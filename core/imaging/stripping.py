"""A picture's file without what it says beside the picture: places, dates, cameras, names, comments, other pictures.

Nothing is decoded and no pixel changes: segments and chunks are left out, the rest is copied as it is. What stays is
what the picture looks like: its data, its colour profile, and which side is up. Stripping twice changes nothing more.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

UPRIGHT = 1
_ORIENTATION = 0x0112
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_TURNED_BY_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
# In packed JPEG data: not a stuffed 0, not a restart. Its first letter is a fixed one: the search leaps from FF to FF.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"),
    *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs"),
}
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags of VP8X
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


class Unclear(Exception):
    """This cannot be done without decoding the picture."""


def stripped(data: bytes) -> bytes:
    """The same picture, upright as before, in the same format.

    Raises:
        Unclear: a format that is not taken apart here, or a file that is put together oddly.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(_PNG):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return _gif(data)
    except (IndexError, struct.error):
        raise Unclear from None
    raise Unclear


# ---- which side is up --------------------------------------------------------------------------------


def _orientation(exif: bytes | None, xmp: bytes | None) -> int:
    """1..8, from the first of the two that says it: as the picture gate reads it."""
    found = None if exif is None else _tagged(exif)
    if found is None and xmp is not None and (said := _TURNED_BY_XMP.search(xmp)):
        found = int(said[1])
    return found if found is not None and 2 <= found <= 8 else UPRIGHT


def _tagged(exif: bytes) -> int | None:
    """The orientation in the first directory of an EXIF block; None where it is not there. Raises Unclear."""
    while exif.startswith(_EXIF):
        exif = exif[len(_EXIF) :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise Unclear
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    (entries,) = struct.unpack_from(f"{order}H", exif, at)
    for n in range(entries):
        tag, kind, count = struct.unpack_from(f"{order}HHI", exif, at + 2 + 12 * n)
        if tag == _ORIENTATION:
            if (kind, count) != (3, 1):
                raise Unclear
            return int(struct.unpack_from(f"{order}H", exif, at + 10 + 12 * n)[0])
    return None


def _only(orientation: int) -> bytes:
    """The smallest EXIF block (TIFF header on) that says which side is up."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)


# ---- JPEG --------------------------------------------------------------------------------------------


def _jpeg(data: bytes) -> bytes:
    kept: list[bytes | memoryview] = [b"\xff\xd8"]
    exif: bytes | None = None
    xmp: bytes | None = None
    place = 1  # of the orientation: after JFIF's own segment, which must be the first
    for marker, content in _jpeg_parts(data):
        body = bytes(content[:40]) if 0xE0 <= marker <= 0xEF else b""
        if marker == 0xE1 and body.startswith(_EXIF):
            exif = (exif or b"") + bytes(content[len(_EXIF) :])
        elif marker == 0xE1 and body.startswith(_XMP):
            xmp = bytes(content).split(b"\0", 1)[1]
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
            kept.append(_segment(marker, body[:12] + b"\0\0"))  # without its thumbnail
            place = 2 if len(kept) == 2 else place
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            kept.append(_segment(marker, body[:12]))  # says which colours these are
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            kept.append(_segment(marker, content))
        elif marker == 0:
            kept.append(content)
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(_segment(marker, content))
    if (turned := _orientation(exif, xmp)) != UPRIGHT:
        kept.insert(place, _segment(0xE1, _EXIF + _only(turned)))
    return b"".join([*kept, b"\xff\xd9"])


def _jpeg_parts(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """(marker, content) of each segment, (0, packed data) of what follows a scan's header; up to the picture's end."""
    view, at = memoryview(data), 2
    while True:
        if data[at] != 0xFF:
            raise Unclear
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == 0xD9:
            return
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            raise Unclear
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            raise Unclear
        yield marker, view[at + 2 : at + length]
        at += length
        if marker == 0xDA:
            found = _NEXT_MARKER.search(data, at)
            end = found.start() if found else len(data)
            yield 0, view[at:end]
            if not found:
                return  # decoders forgive a missing end
            at = end


def _segment(marker: int, content: bytes | memoryview) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


# ---- PNG ---------------------------------------------------------------------------------------------


def _png(data: bytes) -> bytes:
    view, at, kind = memoryview(data), len(_PNG), b""
    kept: list[bytes | memoryview] = [_PNG]
    exif: bytes | None = None
    xmp: bytes | None = None
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise Unclear
        if kind in _PNG_KEPT:
            kept.append(view[at:end])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind in _PNG_TEXTS:
            xmp = _png_text(kind, data[at + 8 : end - 4]) or xmp
        elif kind[:1].isupper():
            raise Unclear
        at = end
    if (turned := _orientation(exif, xmp)) != UPRIGHT:
        kept.insert(2, _png_chunk(b"eXIf", _only(turned)))
    return b"".join(kept)


def _png_text(kind: bytes, content: bytes) -> bytes | None:
    """The text where it may say which side is up. Raises Unclear where one would have to unpack it to know."""
    keyword, _, rest = content.partition(b"\0")
    if keyword.startswith(b"Raw profile type") or (keyword == b"XML:com.adobe.xmp" and kind == b"zTXt"):
        raise Unclear
    if keyword != b"XML:com.adobe.xmp":
        return None
    if kind == b"iTXt" and rest[:1] != b"\0":
        raise Unclear
    return rest


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


# ---- WebP --------------------------------------------------------------------------------------------


def _webp(data: bytes) -> bytes:
    parts: list[bytes] = []
    extended = exif = xmp = None
    (size,) = struct.unpack_from("<I", data, 4)
    at, end = 12, min(8 + size, len(data))
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + length]
        if len(content) < length:
            raise Unclear
        at += 8 + length + length % 2
        if kind == b"EXIF":
            exif = content
        elif kind == b"XMP ":
            xmp = content
        elif kind == b"VP8X":
            extended = extended or content
        elif kind in _WEBP_KEPT:
            parts.append(_webp_chunk(kind, content))
    turned = _orientation(exif, xmp)
    if extended is not None:
        flags = extended[0] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if turned != UPRIGHT else 0)
        parts.insert(0, _webp_chunk(b"VP8X", bytes([flags]) + extended[1:]))
    if turned != UPRIGHT:
        if extended is None:
            raise Unclear  # such a file has no place for it
        parts.append(_webp_chunk(b"EXIF", _only(turned)))
    body = b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


# ---- GIF ---------------------------------------------------------------------------------------------


def _gif(data: bytes) -> bytes:
    at = 13 + _gif_table(data[10])
    kept = [data[:at]]
    while True:
        start, kind = at, data[at]
        if kind == 0x3B:
            return b"".join([*kept, b";"])
        if kind == 0x2C:
            at = _gif_blocks(data, at + 11 + _gif_table(data[at + 9]))
            kept.append(data[start:at])
        elif kind == 0x21:
            extension = data[at + 1]
            at = _gif_blocks(data, at + 2)
            if extension == 0xF9 or (extension == 0xFF and data[start + 3 : start + 14] in _GIF_LOOPS):
                kept.append(data[start:at])
        else:
            raise Unclear


def _gif_table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    """Where a row of blocks ends."""
    while data[at]:
        at += 1 + data[at]
    return at + 1
