"""Lent pictures: the pool's own, where their child has left them, and nobody else's as long as they are held."""

from __future__ import annotations

import io
import os
import signal
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Refused, Unavailable
from core.imaging import gate, lending, memory, process
from core.imaging.lending import Lender
from core.imaging.memory import KEPT_BYTES, PIXEL_BYTES, shared_memory
from core.imaging.pool import DecoderPool
from core.ports import Opener
from tests.imaging.conftest import Corpus
from tests.imaging.test_gate import saved, with_gps
from tests.imaging.test_pool import eventually, jpeg

ROOT = Path(__file__).parents[2]
LIMIT = 50 << 20

needs_sealed_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory that is sealed is Linux's")


def test_a_lender_is_an_opener(lender: Lender) -> None:
    opener: Opener = lender
    assert opener is lender


def test_what_is_lent_is_every_pixel_and_what_the_file_is(lender: Lender, pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(jpeg(1500, 900))
    grey, turned = (
        saved(Image.new("L", (6000, 5000)), "JPEG"),
        saved(Image.new("RGB", (64, 40)), "PNG", exif=with_gps(6)),
    )
    sizes = ((path, "JPEG", 1500, 900), (grey, "JPEG", 6000, 5000), (turned, "PNG", 40, 64))
    for source, format, width, height in sizes:
        with lender.open(source) as opened:
            assert (opened.format, opened.width, opened.height) == (format, width, height)
            assert np.array_equal(opened.pixels, pool.pixels(source))
            assert not opened.pixels.flags.writeable


def test_where_memory_cannot_be_sealed_pixels_come_through_the_pipe(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "shared_memory", lambda limit_bytes: None)
    lender = Lender(1, LIMIT)
    try:
        with lender.open(jpeg(300, 200)) as opened:
            assert np.array_equal(opened.pixels, pool.pixels(jpeg(300, 200)))
    finally:
        lender.close()


def test_the_gate_says_of_every_file_of_the_corpus_what_it_says_elsewhere(
    lender: Lender, pool: DecoderPool, corpus: Corpus
) -> None:
    for row in corpus.of("accept", "refuse", "bomb"):
        source = corpus.folder / row["path"]
        try:
            expected, refused = pool.pixels(source), ""
        except Refused as refusal:
            expected, refused = np.empty((0, 0, 3), np.uint8), str(refusal)
        try:
            with lender.open(source) as opened:
                assert not refused, row["path"]
                assert np.array_equal(opened.pixels, expected), row["path"]
        except Refused as refusal:
            assert str(refusal) == refused, row["path"]


def test_a_picture_stays_as_it_is_while_it_is_held(lender: Lender) -> None:
    with lender.open(jpeg(seed=1)) as first:
        before = first.pixels.copy()
        with lender.open(jpeg(seed=2)) as second:
            assert not np.array_equal(second.pixels, before)
        with lender.open(jpeg(seed=3)):
            assert np.array_equal(first.pixels, before)


def test_who_comes_when_all_are_lent_waits_for_the_first_that_is_given_back() -> None:
    lender, came = Lender(1, LIMIT), threading.Event()

    def ask() -> None:
        with lender.open(jpeg(seed=2)):
            came.set()

    try:
        with lender.open(jpeg(seed=1)):
            other = threading.Thread(target=ask)
            other.start()
            assert not came.wait(0.2)
        other.join(30)
        assert came.is_set() and len(lender.pids) == 1
    finally:
        lender.close()


def test_many_threads_get_their_own_pictures(lender: Lender, pool: DecoderPool) -> None:
    sources = {at: jpeg(40 + at, 30, seed=at) for at in range(12)}
    right: dict[int, bool] = {}

    def ask(at: int) -> None:
        with lender.open(sources[at]) as opened:
            right[at] = np.array_equal(opened.pixels, pool.pixels(sources[at]))

    threads = [threading.Thread(target=ask, args=(at,)) for at in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == dict.fromkeys(sources, True)


def test_a_killed_child_is_replaced_without_the_caller_noticing() -> None:
    lender = Lender(1, LIMIT)
    try:
        with lender.open(jpeg()):
            pass
        [pid] = lender.pids
        os.kill(pid, signal.SIGKILL)
        with lender.open(jpeg()) as opened:
            assert opened.pixels.shape == (40, 60, 3)
        assert lender.pids != (pid,)
    finally:
        lender.close()


@pytest.mark.parametrize("blow", ["SEGV", "STOP", "XCPU"])
def test_a_picture_that_ends_its_child_is_refused_and_the_next_is_answered(
    blow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "poisoned_child.py"
    stand_in.write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        sys.path.insert(0, {str(ROOT)!r})
        from core.imaging import child
        open_picture = child.open_picture
        def poisoned(data, *rest):
            if data == b"poison":
                os.kill(os.getpid(), signal.SIG{blow})
            return open_picture(data, *rest)
        child.open_picture = poisoned
        child.main()
        """)
    )
    monkeypatch.setattr(process, "COMMAND", (str(stand_in),))
    lender = Lender(1, LIMIT, idle_s=2.0)
    try:
        with pytest.raises(Refused) as refusal, lender.open(b"poison"):
            pass
        assert refusal.value.kind == "too_costly"
        with lender.open(jpeg()) as opened:
            assert opened.pixels.shape == (40, 60, 3)
    finally:
        lender.close()


def test_what_does_not_fit_beside_what_a_child_has_kept_is_tried_in_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "forgetful_child.py"
    stand_in.write_text(
        textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from core.imaging import child
        open_picture, seen = child.open_picture, []
        def worn(data, *rest):
            seen.append(data)
            if len(seen) > 1 and len(data) > 10_000:
                raise MemoryError
            return open_picture(data, *rest)
        child.open_picture = worn
        child.main()
        """)
    )
    monkeypatch.setattr(process, "COMMAND", (str(stand_in),))
    lender = Lender(2, LIMIT)
    try:
        with lender.open(jpeg(seed=1)), lender.open(jpeg(seed=2)):
            pass
        with lender.open(jpeg(400, 300)) as opened:
            assert opened.pixels.shape == (300, 400, 3)
    finally:
        lender.close()


def test_a_program_that_does_not_start_is_told_and_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "COMMAND", ("-c", "raise SystemExit(3)"))
    lender = Lender(1, LIMIT)
    for _ in range(2):
        with pytest.raises(Unavailable, match="doctor"), lender.open(jpeg()):
            pass
    lender.close()


def test_a_closed_lender_has_no_children_and_says_so() -> None:
    lender = Lender(1, LIMIT)
    with lender.open(jpeg()):
        pass
    [pid] = lender.pids
    lender.close()
    lender.close()
    assert eventually(lambda: not Path(f"/proc/{pid}").exists()) or not Path("/proc/self").exists()
    with pytest.raises(Unavailable), lender.open(jpeg()):
        pass


# ---- the memory --------------------------------------------------------------------------------------


@needs_sealed_memory
def test_nobody_can_take_pages_away_from_under_who_looks_at_them() -> None:
    shared = shared_memory(LIMIT)
    assert shared
    for size in (0, 1 << 30):
        with pytest.raises(PermissionError):
            os.ftruncate(shared.descriptor, size)
    shared.close()


@needs_sealed_memory
@pytest.mark.parametrize("refused", ["memfd_create", "ftruncate"])
def test_where_the_system_gives_no_memory_to_share_there_is_none(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*asked: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, refused, refuse)
    assert shared_memory(LIMIT) is None


@needs_sealed_memory
def test_what_a_large_picture_took_is_kept_for_the_next_and_given_back_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[memory.SharedMemory] = []

    def noted(limit_bytes: int) -> memory.SharedMemory | None:
        found = shared_memory(limit_bytes)
        assert found
        made.append(found)
        return found

    monkeypatch.setattr(lending, "shared_memory", noted)
    lender = Lender(1, LIMIT)
    content = io.BytesIO()
    Image.new("RGB", (4000, 4000), (9, 99, 199)).save(content, "BMP")  # nothing is packed: as large a file as pixels
    large = content.getvalue()
    try:
        with lender.open(large) as opened:
            assert os.fstat(made[0].descriptor).st_blocks * 512 > opened.pixels.nbytes
        lender.rest()
        assert os.fstat(made[0].descriptor).st_blocks * 512 > 2 * len(large) // 3, "the next one is seldom far"
        monkeypatch.setattr(lending, "REST_S", 0.0)
        lender.rest()
        assert os.fstat(made[0].descriptor).st_blocks * 512 <= 2 * KEPT_BYTES + (1 << 20)
        with lender.open(large) as opened:
            assert (opened.pixels == (9, 99, 199)).all()
    finally:
        lender.close()


def test_there_is_room_for_as_many_pixels_as_the_gate_gives() -> None:
    assert PIXEL_BYTES >= 3 * gate.FULL_PIXELS
