"""What a file is and whether its end is missing, told from its bytes alone, without decoding anything.

Nothing here trusts a length it reads: every walk only moves forward and ends at the end of the data.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # after entropy-coded data: neither stuffing nor a restart
JPEG_SCAN, JPEG_END = 0xDA, 0xD9
JPEG_ALONE = (0x01, 0xD8, JPEG_END)  # markers without a segment
HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
GIF_START = re.compile(rb"GIF\d\d[a-z]?")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# (offset, first bytes, what people call it). Only for the wording of a refusal: none of these is ever opened.
OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%!PS", "a PostScript drawing"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript drawing"),
    (0, b"%PDF-1.4\n%Adobe Illustrator", "an Illustrator drawing"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"\0\0\2\0", "a cursor"),
    (0, b"icns", "an icon"),
    (4, b"jP  ", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (0, b"BPG\xfb", "a BPG picture"),
    (0, b"FLIF", "a FLIF picture"),
    (0, b"qoif", "a QOI picture"),
    (0, b"BLP1", "a game texture"),
    (0, b"BLP2", "a game texture"),
    (0, b"DDS ", "a game texture"),
    (0, b"FTEX", "a game texture"),
    (0, b"FTC\0", "a game texture"),
    (0, b"VTF\0", "a game texture"),
    (0, b"BUFR", "weather data"),
    (0, b"GRIB", "weather data"),
    (0, b"\0\0\0\0\0\0\0\4", "satellite data"),
    (0, b"SIMPLE  =", "an astronomy (FITS) image"),
    (40, b" EMF", "a Windows drawing"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows drawing"),
    (0, b"v/1\1", "an OpenEXR image"),
    (0, b"#?RADIANCE", "a Radiance HDR image"),
    (0, b"farbfeld", "a farbfeld image"),
    (4, b"\x11\xaf", "an animation (FLI)"),
    (4, b"\x12\xaf", "an animation (FLC)"),
    (20, b"GIMP", "a GIMP brush"),
    (0, b"gimp xcf", "a GIMP document"),
    (0, b"Image type:", "an IM image"),
    (0, b"\x1c\x03", "a raw IPTC record"),
    (0, b"\x1c\x01", "a raw IPTC record"),
    (0, b"\x1c\x02", "a raw IPTC record"),
    (0, b"\x97JB2\r\n\x1a\n", "a JBIG2 picture"),
    (0, b"\x8bJNG\r\n\x1a\n", "a JNG picture"),
    (0, b"\x8aMNG\r\n\x1a\n", "an animation (MNG)"),
    (0, b"\0\0\1\xb3", "a video"),
    (0, b"\0\0\1\xba", "a video"),
    (0, b"DanM", "a Microsoft Paint picture of the eighties"),
    (0, b"LinS", "a Microsoft Paint picture of the eighties"),
    (2048, b"PCD_", "a Photo CD picture"),
    (0, b"\x0a\x00\x01", "a PCX picture"),
    (0, b"\x0a\x02\x01", "a PCX picture"),
    (0, b"\x0a\x03\x01", "a PCX picture"),
    (0, b"\x0a\x05\x01", "a PCX picture"),
    (0, b"\x80\xe8\0\0", "a PIXAR picture"),
    (0, b"\x01\xda", "an SGI picture"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster picture"),
    (0, b"/* XPM */", "an XPM picture"),
    (0, b"P7 332", "a thumbnail of XV"),
    (0, b"FUJIFILMCCD-RAW", "a raw photo"),
    (0, b"IIRO", "a raw photo"),
    (0, b"IIU\0", "a raw photo"),
    (8, b"crx ", "a raw photo"),
    (-18, b"TRUEVISION-XFILE", "a TGA picture"),
)
NETPBM = re.compile(rb"P[1-7fFy]\s")
XBM = re.compile(rb"\s*#define\s+\S+_width\s")
TGA = re.compile(rb".[\0\1][\1\2\3\x09\x0a\x0b].{13}[\x08\x0f\x10\x18\x20]", re.DOTALL)


def offered_format(data: bytes) -> str | None:
    """The name of the offered format that these bytes begin like, by Pillow's name for it; None for any other."""
    if data.startswith(b"\xff\xd8"):
        return "JPEG" if data[2:3] in (b"\xff", b"") else None
    if data.startswith(b"\x89PNG"):
        return "PNG"
    if GIF_START.match(data):
        return "GIF"
    if data.startswith(b"RIFF") and b"WEBP".startswith(data[8:12]):
        return "WEBP"
    if data.startswith(TIFF_STARTS):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP" if _bmp_header_fits(data) else None
    if data[4:8] == b"ftyp":
        return _brand(data)
    return None


def _bmp_header_fits(data: bytes) -> bool:
    """Two letters are little to go by: text may begin with BM. Four reserved zero bytes follow in every real one."""
    return not data[6:10].strip(b"\0")


def _brand(data: bytes) -> str | None:
    end = min(int.from_bytes(data[:4], "big"), 1024)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    for brand in brands:
        if brand in (b"avif", b"avis"):
            return "AVIF"
        if brand in HEIF_BRANDS:
            return "HEIF"
    return "HEIF" if data[8:12] in (b"mif1", b"msf1") else None


def other_format(data: bytes) -> str | None:
    """What a picture of a format that is not offered is called, with its article; None when it is no picture."""
    for offset, start, name in OTHER_FORMATS:
        if data.startswith(start, offset if offset >= 0 else max(len(data) + offset, 0)):
            return name
    if NETPBM.match(data):
        return "a Netpbm picture"
    if XBM.match(data):
        return "an XBM picture"
    if _holds_svg(data):
        return "an SVG drawing"
    return "a TGA picture" if len(data) > 18 and TGA.match(data) else None


def _holds_svg(data: bytes) -> bool:
    head = data[:65536]
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(31).decompress(head, 65536)
        except zlib.error:
            return False
    text = head.replace(b"\0", b"").lower().lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n")
    if text.startswith((b"<!doctype html", b"<html")):
        return False
    return text.startswith((b"<", b"+adw-")) and (b"<svg" in text or b"+adw-svg" in text)


def is_blank(data: bytes) -> bool:
    """Nothing but white space or zero bytes: what a failed copy leaves."""
    return not data.strip(b"\0 \t\r\n")


# ---- is the end missing? -----------------------------------------------------------------------------


def ends_early(data: bytes, format: str) -> bool:
    """Whether the file's own structure says that there should be more of it."""
    walk = {
        "JPEG": _jpeg_ends_early,
        "PNG": _png_ends_early,
        "GIF": _gif_ends_early,
        "WEBP": _webp_ends_early,
        "BMP": _bmp_ends_early,
        "TIFF": _tiff_ends_early,
        "AVIF": _boxes_end_early,
        "HEIF": _boxes_end_early,
    }[format]
    return walk(data)


def jpeg_scans(data: bytes, most: int) -> int:
    """How many scans the first picture in the file has; stops counting after `most`.

    Counted along the structure: a video or a thumbnail inside the file may hold the scan mark's two bytes by chance.
    """
    scans = 0
    for marker, _ in _jpeg_markers(data):
        scans += marker == JPEG_SCAN
        if scans > most or marker == JPEG_END:
            break
    return scans


def _jpeg_ends_early(data: bytes) -> bool:
    """No end mark, and nothing that could not be part of a JPEG before the data ends."""
    at, scans = 2, 0
    for marker, after in _jpeg_markers(data):
        if marker == JPEG_END:
            return False
        at, scans = after, scans + (marker == JPEG_SCAN)
    return scans > 0 or at >= len(data) or not data[at:].strip(b"\xff")


def _jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """(marker, where what follows its segment begins), until something else stands where a marker must."""
    at, coded = 2, False
    while at < len(data):
        found = JPEG_MARKER.search(data, at) if coded else JPEG_MARKER.match(data, at)
        if found is None:
            return
        marker, at = found[1][0], found.end()
        if marker not in JPEG_ALONE:
            at += max(int.from_bytes(data[at : at + 2], "big"), 2)
        coded = coded or marker == JPEG_SCAN
        yield marker, at


def _png_ends_early(data: bytes) -> bool:
    at = 8
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name == b"IEND" or not name.isalpha() or length > 0x7FFFFFFF:
            return False
        at += length + 12
    return True


def _gif_ends_early(data: bytes) -> bool:
    if len(data) < 13:
        return True
    at = 13 + _gif_table_bytes(data[10])
    while at < len(data):
        block = data[at]
        if block == 0x21:
            at += 2
        elif block == 0x2C and at + 10 <= len(data):
            at += 11 + _gif_table_bytes(data[at + 9])
        else:
            return block == 0x2C
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return True


def _gif_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp_ends_early(data: bytes) -> bool:
    return len(data) < 20 or int.from_bytes(data[4:8], "little") + 8 > len(data)


def _bmp_ends_early(data: bytes) -> bool:
    if len(data) < 26:
        return True
    if data[14] == 12:
        width, height = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        bits = int.from_bytes(data[24:26], "little")
    else:
        width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
        bits = int.from_bytes(data[28:30], "little")
    packed = data[14] != 12 and data[30:31] in (b"\1", b"\2")
    stated = int.from_bytes(data[2:6], "little")
    rows = 0 if packed else (width * bits + 31) // 32 * 4 * abs(height)
    return len(data) < max(stated if stated < 1 << 31 else 0, int.from_bytes(data[10:14], "little") + rows)


def _tiff_ends_early(data: bytes) -> bool:
    order = "little" if data[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    if data[2:4] in (b"+\0", b"\0+"):
        return len(data) < 16 or number(8, 8) >= len(data)
    directory = number(4, 4)
    if len(data) < 8 or directory >= len(data):
        return True
    entries = directory + 2
    count = number(directory, 2)
    if entries + 12 * count > len(data):
        return True
    values = {number(at, 2): at for at in range(entries, entries + 12 * min(count, 4096), 12)}
    for where, length in ((273, 279), (324, 325)):
        if where in values and number(values[where] + 4, 4) == 1 and length in values:
            sizes = [2 if number(values[tag] + 2, 2) == 3 else 4 for tag in (where, length)]
            if number(values[where] + 8, sizes[0]) + number(values[length] + 8, sizes[1]) > len(data):
                return True
    return False


def _boxes_end_early(data: bytes) -> bool:
    at, names = 0, set()
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if not name.isalnum():
            return False
        names.add(name)
        if size == 0:
            return False
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:
            return False
        at += size
    return at != len(data) or b"meta" not in names
