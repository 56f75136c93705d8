"""TensorBoard's event file, written without TensorBoard: a hundred lines instead of a web server and gRPC.

The file is TFRecords (length, masked CRC-32C of it, data, masked CRC-32C of that; little-endian) of `Event` messages in
protobuf's wire format: tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache

VERSION = b"brain.Event:2"  # what every reader looks for in the first event
_POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), reflected
# Tags: field number << 3 | wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes).
_WALL_TIME, _STEP, _FILE_VERSION, _SUMMARY = b"\x09", b"\x10", b"\x1a", b"\x2a"  # of Event: 1, 2, 3, 5
_VALUE = b"\x0a"  # of Summary: 1
_TAG, _SIMPLE_VALUE = b"\x0a", b"\x15"  # of Summary.Value: 1, 2


def file_name(started_at: float, run_id: int) -> str:
    """TensorBoard knows its files by the middle of their names."""
    return f"events.out.tfevents.{int(started_at)}.darkroom-run-{run_id}"


def event_file(started_at: float, scalars: Mapping[int, Mapping[str, float]], times: Mapping[int, float]) -> bytes:
    """The whole file.

    Args:
        started_at: seconds since the epoch.
        scalars: step -> name -> value, by step.
        times: step -> seconds since the epoch.
    """
    records = [_record(_WALL_TIME + struct.pack("<d", started_at) + _FILE_VERSION + _counted(VERSION))]
    for step, values in scalars.items():
        summary = b"".join(_VALUE + _counted(_value(name, value)) for name, value in values.items())
        head = _WALL_TIME + struct.pack("<d", times[step]) + _STEP + _varint(step)
        records.append(_record(head + _SUMMARY + _counted(summary)))
    return b"".join(records)


def _value(name: str, value: float) -> bytes:
    return _TAG + _counted(name.encode()) + _SIMPLE_VALUE + struct.pack("<f", value)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _counted(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def crc32c(data: bytes) -> int:
    """The checksum of RFC 3720, which the standard library does not have."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    def entry(crc: int) -> int:
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        return crc

    return tuple(entry(byte) for byte in range(256))
