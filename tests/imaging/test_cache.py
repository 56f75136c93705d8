"""The training cache appears whole or not at all, and what does not match its checksums is built again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import DiskFull
from core.imaging import cache as cache_module
from core.imaging.cache import open_cache
from core.imaging.pool import DecoderPool
from core.ports import Pixels

SIDE = 8
Sources = list[tuple[str, Path]]


class CountingDecoder(DecoderPool):
    """Gives a picture of one grey for each file: the number in the file. Starts no process."""

    def __init__(self) -> None:
        super().__init__(children=1)
        self.decoded = 0

    def resized(self, sources: Sequence[Path], side: int) -> Iterator[tuple[int, Pixels | None]]:
        for at in reversed(range(len(sources))):
            self.decoded += 1
            if not sources[at].exists():
                yield at, None
            else:
                yield at, np.full((side, side, 3), int(sources[at].read_text()), np.uint8)


@pytest.fixture
def decoder() -> CountingDecoder:
    return CountingDecoder()


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return make_sources(tmp_path, 20)


def make_sources(folder: Path, count: int, first: int = 0) -> Sources:
    made = []
    for at in range(first, first + count):
        path = folder / f"picture{at}"
        path.write_text(str(at))
        made.append((hashlib.sha256(str(at).encode()).hexdigest(), path))
    return made


def test_a_cache_holds_every_picture_in_the_order_given(
    tmp_path: Path, sources: Sources, decoder: CountingDecoder
) -> None:
    told: list[tuple[int, int]] = []
    pixels, ok = open_cache(tmp_path / "c", sources, SIDE, decoder, lambda done, total: told.append((done, total)))
    assert pixels.shape == (20, SIDE, SIDE, 3) and ok.all()
    assert [int(picture.max()) for picture in pixels] == list(range(20))
    assert told[0] == (1, 20) and told[-1] == (20, 20)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 1


def test_a_second_opening_decodes_nothing(tmp_path: Path, sources: Sources, decoder: CountingDecoder) -> None:
    first, _ = open_cache(tmp_path / "c", sources, SIDE, decoder)
    again, ok = open_cache(tmp_path / "c", sources, SIDE, decoder)
    assert decoder.decoded == 20 and ok.all() and np.array_equal(first, again)


def test_other_pictures_another_order_or_another_side_make_another_cache(
    tmp_path: Path, sources: Sources, decoder: CountingDecoder
) -> None:
    for wanted, side in ((sources, SIDE), (sources[::-1], SIDE), (sources, 2 * SIDE), (sources[:5], SIDE)):
        pixels, _ = open_cache(tmp_path / "c", wanted, side, decoder)
        assert pixels.shape == (len(wanted), side, side, 3)
        assert int(pixels[0].max()) == int(wanted[0][1].read_text())
    assert decoder.decoded == 65


def test_a_picture_that_is_gone_is_masked_and_the_rest_stays(
    tmp_path: Path, sources: Sources, decoder: CountingDecoder
) -> None:
    sources[4][1].unlink()
    for _ in range(2):  # built, then read
        pixels, ok = open_cache(tmp_path / "c", sources, SIDE, decoder)
        assert list(np.flatnonzero(~ok)) == [4]
        assert not pixels[4].any() and int(pixels[5].max()) == 5


@pytest.mark.parametrize("harm", ["flip", "truncate", "grow", "note", "note gone", "pixels gone", "empty note"])
def test_a_damaged_cache_is_built_again(
    harm: str, tmp_path: Path, sources: Sources, decoder: CountingDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "BLOCK_BYTES", 1000)
    folder = tmp_path / "c"
    expected = np.array(open_cache(folder, sources, SIDE, decoder).pixels)
    [pixels_file], [note] = folder.glob("*.pixels"), folder.glob("*.json")
    content = bytearray(pixels_file.read_bytes())
    match harm:
        case "flip":
            content[len(content) // 2] ^= 1
            pixels_file.write_bytes(content)
        case "truncate":
            pixels_file.write_bytes(content[:-1])
        case "grow":
            pixels_file.write_bytes(content + b"\0")
        case "note":
            note.write_text(note.read_text()[:-9])
        case "empty note":
            note.write_text("")
        case "note gone":
            note.unlink()
        case "pixels gone":
            pixels_file.unlink()
    pixels, ok = open_cache(folder, sources, SIDE, decoder)
    assert decoder.decoded == 40 and ok.all() and np.array_equal(pixels, expected)
    open_cache(folder, sources, SIDE, decoder)
    assert decoder.decoded == 40


def test_a_build_that_breaks_leaves_nothing_behind(
    tmp_path: Path, sources: Sources, decoder: CountingDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, content: bytes, offset: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module, "_write_at", full)
    with pytest.raises(DiskFull):
        open_cache(tmp_path / "c", sources, SIDE, decoder)
    assert list((tmp_path / "c").iterdir()) == []


def test_what_a_killed_builder_left_is_swept(tmp_path: Path, sources: Sources, decoder: CountingDecoder) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    dead = os.posix_spawnp("true", ["true"], os.environ)
    os.waitpid(dead, 0)
    (folder / f"abc.{dead}.building").write_bytes(b"half")
    (folder / f"def.{os.getpid()}.building").write_bytes(b"in work")
    (folder / "ghi.pixels").write_bytes(b"no note came")
    os.utime(folder / "ghi.pixels", (0, 0))
    open_cache(folder, sources, SIDE, decoder)
    assert not (folder / "ghi.pixels").exists()
    assert [path.name for path in folder.glob("*.building")] == [f"def.{os.getpid()}.building"]


def test_the_caches_used_longest_ago_go_first(tmp_path: Path, decoder: CountingDecoder) -> None:
    folder = tmp_path / "c"
    sets = [make_sources(tmp_path, 10, first=10 * at) for at in range(3)]
    for at, wanted in enumerate(sets):
        open_cache(folder, wanted, SIDE, decoder)
        for note in folder.glob("*.json"):  # time goes on
            os.utime(note, (note.stat().st_atime, note.stat().st_mtime - 100))
        assert len(list(folder.glob("*.json"))) == at + 1
    open_cache(folder, sets[0], SIDE, decoder)
    before = decoder.decoded
    open_cache(folder, sets[0], SIDE, decoder, limit_bytes=2 * 10 * SIDE * SIDE * 3)
    assert len(list(folder.glob("*.pixels"))) == 2
    open_cache(folder, sets[2], SIDE, decoder)
    assert decoder.decoded == before, "the second set was used longest ago"
    open_cache(folder, sets[1], SIDE, decoder)
    assert decoder.decoded == before + 10


def test_a_cache_above_the_limit_is_kept_while_it_is_the_one_in_use(
    tmp_path: Path, sources: Sources, decoder: CountingDecoder
) -> None:
    pixels, _ = open_cache(tmp_path / "c", sources, SIDE, decoder, limit_bytes=1)
    assert int(pixels[7].max()) == 7 and len(list((tmp_path / "c").glob("*.pixels"))) == 1


def test_no_pictures_are_an_empty_cache(tmp_path: Path, decoder: CountingDecoder) -> None:
    for _ in range(2):
        pixels, ok = open_cache(tmp_path / "c", [], SIDE, decoder)
        assert pixels.shape == (0, SIDE, SIDE, 3) and ok.shape == (0,)
