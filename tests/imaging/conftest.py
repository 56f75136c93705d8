"""What the picture tests share: the corpus, a pool, and a gauge on one child."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.imaging.pool import DecoderPool
from core.imaging.process import ChildProcess

CORPUS = Path(__file__).parents[2] / ".." / "shared" / "corpus"
EVERY = 10  # rows of the corpus in the normal run
Row = dict[str, str]


@dataclass(frozen=True)
class Corpus:
    """The rows of the manifest that a test looks at, and where their files are."""

    folder: Path
    rows: list[Row]

    def of(self, *classes: str) -> list[Row]:
        return [row for row in self.rows if row["class"] in classes]

    def bytes(self, row: Row) -> bytes:
        return (self.folder / row["path"]).read_bytes()

    def spool(self, rows: list[Row], target: Path) -> dict[Path, Row]:
        """Copies under names that say nothing, as uploads are kept."""
        target.mkdir(exist_ok=True)
        spooled = {target / f"{at:05}": row for at, row in enumerate(rows)}
        for path, row in spooled.items():
            path.write_bytes(self.bytes(row))
        return spooled


@pytest.fixture(scope="session", params=[EVERY, pytest.param(1, marks=pytest.mark.slow)], ids=["tenth", "whole"])
def corpus(request: pytest.FixtureRequest) -> Corpus:
    if not (CORPUS / "manifest.csv").is_file():
        pytest.skip("the picture corpus is not beside the repository (../shared/corpus)")
    with (CORPUS / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] in ("accept", "refuse", "bomb")]
    return Corpus(CORPUS, rows[:: request.param])


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(children=2) as pool:
        yield pool


class Gauge:
    """One child, its processor time and the memory it touches, read from outside (Linux)."""

    def __init__(self) -> None:
        self.child = ChildProcess(50 << 20, cpu_s=5)
        self.child.wait_until_ready()
        self.idle_mb = self._status_mb("VmRSS")

    def run(self, request: dict[str, Any]) -> tuple[dict[str, Any], float, float]:
        """(answer, seconds of processor time, MB above idle at the peak)."""
        Path(f"/proc/{self.child.pid}/clear_refs").write_text("5")  # forgets the peak
        before = self._cpu_s()
        self.child.send(request, None, 60)
        answer, _ = self.child.receive(60)
        return answer, self._cpu_s() - before, self._status_mb("VmHWM") - self.idle_mb

    def _status_mb(self, key: str) -> float:
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def gauge() -> Iterator[Gauge]:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("memory peaks are read from /proc, which this system does not have")
    gauge = Gauge()
    yield gauge
    gauge.child.end()
