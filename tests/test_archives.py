"""The archive gate against invented zips."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import archives
from core.errors import Refused


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def read(path: Path, limit: int = 1 << 20) -> list[tuple[str, str | None]]:
    with archives.opened(path, limit) as (_, entries):
        return [(entry.path, entry.reason) for entry in entries]


def test_a_zip_that_unpacks_to_more_than_the_limit_is_refused_before_reading(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("a.png", b"0" * 2000)))
    with pytest.raises(Refused, match="more than one upload"):
        read(tmp_path / "a.zip", limit=1999)


def test_an_entry_that_lies_about_its_size_is_stopped_at_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(("a.png", b"abcdef" * 100)))
    with archives.opened(tmp_path / "a.zip", 1 << 20) as (source, (entry,)):
        lying = archives.Entry(entry.path, 10, entry.info)
        reason = archives.unpack(source, lying, tmp_path / "out", 1 << 20)
    assert reason and "larger than the zip says" in reason
    assert (tmp_path / "out").stat().st_size <= 10


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12), cut=st.integers(0, 400))
def test_no_mangled_zip_raises_anything_but_a_refusal(tmp_path: Path, flips: list[tuple[int, int]], cut: int) -> None:
    body = bytearray(zipped(("cat/1.png", b"abc" * 99), ("../../dog/2.png", b"def" * 99), ("sub/", b"")))
    for position, value in flips:
        body[position % len(body)] = value
    file = tmp_path / "mangled.zip"
    file.write_bytes(bytes(body[: len(body) - cut]))
    try:
        with archives.opened(file, 1 << 20) as (source, entries):
            for entry in entries:
                if entry.reason is None:
                    archives.unpack(source, entry, tmp_path / "out", 1 << 20)
    except Refused as refusal:
        assert str(refusal).endswith(".")
