"""A disk that is really full in the middle of a run: nothing is lost, and it goes on by itself when there is room."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.records import Hold, RunState
from tests.faults.lab import SLOW, Lab

SIZE_MIB = 256
RESERVE_BYTES = 32 << 20
FULL_S = 3.0  # so long not even the database has any room


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, so that nobody else's files or lack of them matter."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(place)]
    if os.name != "posix" or os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk of its own")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # our own connections are open


def fill(place: Path) -> Path:
    """The file that takes all the room there is."""
    file = place / "ballast"
    with file.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(1 << 16))
        except OSError:
            return file


@pytest.mark.slow
def test_a_run_on_a_full_disk_pauses_and_goes_on_when_there_is_room_to_the_same_bits(small_disk: Path) -> None:
    lab = Lab(small_disk / "home", background=False, reserve_bytes=RESERVE_BYTES)
    try:
        where = lab.dataset()
        unbroken = lab.weights(lab.submit(where, SLOW))
        run_id = lab.submit(where, SLOW)
        lab.wait_for_step(run_id, 20)
        ballast = fill(small_disk)
        time.sleep(FULL_S)
        assert lab.run(run_id).attempt == 1, "a database without room is no dead trainer"
        with ballast.open("r+b") as file:  # enough for the database to say it, not for the run
            file.truncate(ballast.stat().st_size - RESERVE_BYTES // 4)
        run = lab.wait_for(run_id, RunState.PAUSED)
        assert run.hold is Hold.DISK and "full" in (run.error or "")
        ballast.unlink()
        assert lab.weights(run_id) == unbroken
        assert lab.run(run_id).error is None
    finally:
        lab.close()
