"""The pool: children that die, callers that leave, sources without end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Refused, Unavailable
from core.imaging import groups, process
from core.imaging import pool as pool_module
from core.imaging.pool import DecoderPool
from core.ports import Decoder

ROOT = Path(__file__).parents[2]


def jpeg(width: int = 60, height: int = 40, seed: int = 0) -> bytes:
    target = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(target, "JPEG")
    return target.getvalue()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{at:03}" for at in range(60)]
    for at, path in enumerate(paths):
        path.write_bytes(jpeg(seed=at))
    return paths


def eventually(claim: Callable[[], bool], within_s: float = 30.0) -> bool:
    end = time.monotonic() + within_s
    while not claim():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Runs; a zombie nobody has fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


def test_the_pool_is_a_decoder(pool: DecoderPool) -> None:
    decoder: Decoder = pool
    assert decoder is pool


def test_importing_the_pool_imports_no_picture_library() -> None:
    code = "import sys, core.imaging.pool; sys.exit(bool({'PIL', 'pillow_heif', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_children_start_with_the_first_picture_and_end_with_the_pool() -> None:
    with DecoderPool(children=1) as pool:
        assert not pool.pids
        pool.pixels(jpeg())
        pid = pool.pids[-1]
    assert not alive(pid)
    pool.close()
    with pytest.raises(Unavailable):
        pool.pixels(jpeg())


@needs_proc
def test_a_killed_child_is_replaced_and_every_picture_gets_its_verdict(pictures: list[Path]) -> None:
    with DecoderPool(children=2) as pool:
        found = []
        for at, answer in enumerate(pool.check(pictures)):
            found.append(answer)
            if at % 20 == 5:
                os.kill(pool.pids[0], signal.SIGKILL)
        assert sorted(answer.source for answer in found) == pictures
        assert all(answer.accepted for answer in found)


def stand_in(monkeypatch: pytest.MonkeyPatch, picture: Path, first: str) -> None:
    """Children that do that `first`, before they read that picture."""
    program = picture.parent / "stand_in.py"
    program.write_text(
        textwrap.dedent(f"""
        import os, signal, sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from core.imaging import child
        read = child.read_source
        def read_source(path, limit_bytes):
            if path.endswith({picture.name!r}):
                {first}
            return read(path, limit_bytes)
        child.read_source = read_source
        child.main()
        """)
    )
    monkeypatch.setattr(process, "COMMAND", (str(program),))


@pytest.mark.parametrize("blow", ["SEGV", "KILL", "STOP", "XCPU"])
def test_a_picture_that_kills_or_stops_its_child_is_refused_alone(
    blow: str, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = pictures[7]
    poison.write_bytes(b"poison")
    stand_in(monkeypatch, poison, f"os.kill(os.getpid(), signal.SIG{blow})")
    with DecoderPool(children=2, idle_s=3.0) as pool:
        found = {answer.source: answer for answer in pool.check(pictures)}
    assert [path for path, answer in found.items() if not answer.accepted] == [poison]
    assert found[poison].kind == "too_costly" and found[poison].reason.endswith(".")
    assert len(found) == len(pictures)
    assert not Path(f"{poison}.thumb").exists()


@needs_proc
def test_a_picture_is_waited_for_as_long_as_its_child_works_on_it(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, pictures[7], "while time.process_time() < 2: pass")
    with DecoderPool(children=1, idle_s=0.5) as pool:
        assert all(answer.accepted for answer in pool.check(pictures))


def test_a_program_that_does_not_start_is_told_and_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "COMMAND", ("-c", "raise SystemExit(3)"))
    with DecoderPool(children=2) as pool, pytest.raises(Unavailable, match="doctor"):
        pool.pixels(jpeg())


@needs_proc
def test_no_child_survives_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(jpeg(3000, 2000))
    code = f"""
    import itertools, pathlib
    from core.imaging.pool import DecoderPool
    pool = DecoderPool(children=2)
    for at, _ in enumerate(pool.check(itertools.repeat(pathlib.Path({str(tmp_path / "picture")!r})))):
        if len(pool.pids) == 2 and at > 4:
            print(*pool.pids, flush=True)
            break
    for _ in pool.check(itertools.repeat(pathlib.Path({str(tmp_path / "picture")!r}))):
        pass
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(alive(pid) for pid in pids)
        parent.kill()
        assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_endless_sources_take_bounded_memory(pictures: list[Path]) -> None:
    drawn = 0

    def endless() -> Iterator[Path]:
        nonlocal drawn
        while True:
            drawn += 1
            yield pictures[drawn % len(pictures)]

    with DecoderPool(children=2) as pool:
        answers = pool.check(endless())
        for _ in range(10):
            next(answers)
        assert drawn <= 10 + pool_module.AHEAD * 2 * groups.GROUP_FILES
        answers.close()  # type: ignore[attr-defined]
        assert pool.pixels(jpeg()).shape == (40, 60, 3)


def test_a_single_picture_is_answered_while_a_stream_waits_for_its_reader(pictures: list[Path]) -> None:
    with DecoderPool(children=1) as pool:
        answers = pool.check(pictures)
        next(answers)
        assert pool.pixels(jpeg()).shape == (40, 60, 3)
        assert len(list(answers)) == len(pictures) - 1


def test_several_threads_get_their_own_answers() -> None:
    sources = {at: jpeg(40 + at, 30, seed=at) for at in range(12)}
    shapes: dict[int, tuple[int, ...]] = {}
    with DecoderPool(children=2) as pool:

        def ask(at: int) -> None:
            shapes[at] = pool.pixels(sources[at]).shape

        threads = [threading.Thread(target=ask, args=(at,)) for at in sources]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert shapes == {at: (30, 40 + at, 3) for at in sources}


def test_resized_gives_each_index_once_and_none_for_what_is_broken(pictures: list[Path], pool: DecoderPool) -> None:
    pictures[3].write_bytes(b"no picture any more")
    pictures[9].unlink()
    found = dict(pool.resized(pictures, 32))
    assert sorted(found) == list(range(len(pictures)))
    assert {at for at, pixels in found.items() if pixels is None} == {3, 9}
    first = found[0]
    assert first is not None and first.shape == (32, 32, 3) and first.dtype == np.uint8
    with Image.open(pictures[0]) as image:
        assert np.array_equal(first, np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)))


def test_a_view_is_no_larger_than_asked(pool: DecoderPool) -> None:
    with Image.open(io.BytesIO(pool.view(jpeg(900, 500), 300))) as image:
        assert (image.format, image.size) == ("WEBP", (300, 167))
    with Image.open(io.BytesIO(pool.view(jpeg(90, 50), 300))) as image:
        assert image.size == (90, 50)


def test_a_view_of_no_picture_is_refused(pool: DecoderPool) -> None:
    with pytest.raises(Refused):
        pool.view(b"no picture", 300)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_fault_of_the_picture(pictures: list[Path], pool: DecoderPool) -> None:
    # No file can be made below a device: as with a full disk, it is the system that says no, with a number.
    with pytest.raises(Unavailable, match="cannot be written"):
        list(pool.check(pictures[:1], {pictures[0]: Path("/dev/full/copy")}))


def test_a_relative_path_is_the_callers(
    pictures: list[Path], pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures[0].parent)
    assert pool.pixels(Path(pictures[0].name)).shape == (40, 60, 3)
    assert next(pool.check([Path(pictures[0].name)])).accepted


def test_a_child_is_renewed_now_and_then(pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    class Counted(process.ChildProcess):
        def __init__(self, limit_bytes: int, cpu_s: int) -> None:
            super().__init__(limit_bytes, cpu_s)
            started.append(self.pid)

    monkeypatch.setattr(pool_module, "PICTURES_PER_CHILD", 20)
    monkeypatch.setattr(groups, "GROUP_FILES", 1)
    monkeypatch.setattr(pool_module, "ChildProcess", Counted)
    with DecoderPool(children=1) as pool:
        assert all(answer.accepted for answer in pool.check(pictures))
    assert len(started) == 3
