"""Darkroom and its peers on the same pictures, one after the other, each in a process of its own.

A cell is one tool on one set. It is written down when it is over, so that a race that was broken off goes on with the
cells that are missing; a cell whose program has changed since is run again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import worlds

PEERS = Path(__file__).parent / "peers"
TOOLS = {"plain": "plain script", "fastai_tune": "fastai fine_tune", "timm_loop": "timm's parts"}
OURS = "Darkroom"
OUR_TIMES = 3  # as many epochs as a peer's: all of them together take less time
OUR_PARTS = (
    "core/learning/*.py",
    "core/imaging/*.py",
    "core/index/instant.py",
    "core/index/backbone.py",
    "core/recipe.py",
    "benchmarks/ours.py",
)


@dataclass(frozen=True, slots=True)
class Point:
    """After an epoch."""

    epoch: int
    seconds: float  # without what measuring took
    cpu_s: float
    accuracy: float  # 0..1, of the test pictures


Line = list[Point]


def make_environment(folder: Path) -> Path:
    """A virtual environment with what the requirements name; gives its Python. Kept from one time to the next."""
    python = folder / "bin" / "python"
    done, wanted = folder / "requirements.txt", (PEERS / "requirements.txt").read_text()
    if not done.exists() or done.read_text() != wanted:
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", PEERS / "requirements.txt"], check=True)
        done.write_text(wanted)
    return python


def lay_out(name: str, scratch: Path, train: int, test: int) -> Path:
    """A set as train/LABEL and test/LABEL: so many pictures of each part, the labels in turn, always the same ones."""
    folder = worlds.unpack(name, scratch / "sets")
    target = scratch / "laid-out" / name
    for part, wanted in (("train", train), ("test", test)):
        by_label: dict[str, list[Path]] = {}
        for file in _part(folder, part):
            by_label.setdefault(file.parent.name, []).append(file)
        for files in by_label.values():
            files.sort(key=lambda file: hashlib.sha256(file.name.encode()).digest())
        rounds = zip_longest_flat([by_label[label] for label in sorted(by_label)])
        for file in rounds[:wanted]:
            place = target / part / file.parent.name
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place / file.name)
    return target


def _part(folder: Path, part: str) -> list[Path]:
    split = folder / "SPLIT.csv"
    if not split.exists():
        return worlds.pictures(folder / part)
    with split.open(encoding="utf-8") as rows:
        return [folder / row["path"] for row in csv.DictReader(rows) if row["split"] == part]


def zip_longest_flat(columns: list[list[Path]]) -> list[Path]:
    """The first of each, then the second of each that has one ..."""
    longest = max(len(column) for column in columns)
    return [column[at] for at in range(longest) for column in columns if at < len(column)]


@dataclass(frozen=True, slots=True)
class Cell:
    """One tool on so many pictures of one set."""

    tool: str
    name: str  # of the set
    train: int  # pictures at most
    test: int
    epochs: int
    threads: int

    def place(self, results: Path) -> Path:
        return results / f"{self.name}-{self.train}-{self.test}-{self.epochs}-{self.threads}-{self.tool}.json"

    def recall(self, results: Path) -> Line | None:
        """What it came to when it was run; None: it was not, or not by this program."""
        place = self.place(results)
        if not place.exists():
            return None
        found = json.loads(place.read_text("utf-8"))
        return [Point(**point) for point in found["line"]] if found["program"] == _program(self.tool) else None

    def run(self, python: Path, scratch: Path, results: Path) -> Line:
        """Runs it and writes it down. Raises SystemExit with its last words when it fails."""
        line = self._run(python, lay_out(self.name, scratch, self.train, self.test))
        results.mkdir(parents=True, exist_ok=True)
        found = {"program": _program(self.tool), "where": worlds.header(1), "line": [asdict(point) for point in line]}
        beside = self.place(results).with_suffix(".part")
        beside.write_text(json.dumps(found, indent=1), "utf-8")
        beside.replace(self.place(results))
        return line

    def _run(self, python: Path, folder: Path) -> Line:
        from core.running.engine import TRAINER

        ours = self.tool == OURS
        script = Path(__file__).parent / "ours.py" if ours else PEERS / f"{self.tool}.py"
        command = [sys.executable if ours else python, script, folder, str(self.epochs)]
        command += [json.dumps({"threads": self.threads})] if ours else []
        # Threads that wait for a busy machine spin, and what they burn would count.
        extra = {"OMP_NUM_THREADS": str(self.threads), **(TRAINER if ours else {})}
        ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **extra}, check=False)
        if ended.returncode:
            sys.exit(f"{self.tool} failed:\n{ended.stderr[-2000:]}")
        return [Point(**json.loads(line)) for line in ended.stdout.splitlines() if line.startswith("{")]


def _program(tool: str) -> str:
    """Names what a cell's figures depend on, the machine aside."""
    parts = OUR_PARTS if tool == OURS else (f"benchmarks/peers/{tool}.py", "benchmarks/peers/[cr]*")
    digest = hashlib.sha256()
    for file in sorted(file for part in parts for file in worlds.ROOT.glob(part) if file.is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def report(name: str, lines: dict[str, Line]) -> list[str]:
    """Prints the table of a set, as far as it is known; gives the claims that do not hold."""
    print(f"\n{name}: after epoch: seconds (CPU-seconds) accuracy")
    for tool, line in lines.items():
        told = "  ".join(f"{p.epoch}: {p.seconds:.0f} ({p.cpu_s:.0f}) {p.accuracy:.1%}" for p in line)
        print(f"  {TOOLS.get(tool, tool):18} {told}")
    peers = {tool: line for tool, line in lines.items() if tool != OURS}
    if OURS not in lines or not peers:
        return [f"{name}: nothing to compare yet"]
    failed = [f"{name}: {TOOLS[tool]} has not been run" for tool in TOOLS if tool not in peers]
    failed += _trained(name, lines[OURS], peers)
    return failed + (_at_once(name, lines[OURS][0], peers["fastai_tune"]) if "fastai_tune" in peers else [])


def _trained(name: str, ours: Line, peers: dict[str, Line]) -> list[str]:
    """Time to the best peer's final accuracy, and who is ahead after the same time."""
    best = max(peers, key=lambda tool: (peers[tool][-1].accuracy, -peers[tool][-1].cpu_s))
    goal = peers[best][-1]
    failed = []
    there = next((point for point in ours[1:] if point.accuracy >= goal.accuracy), None)
    if there is None:
        failed.append(f"{name}: no trained model reached the {goal.accuracy:.1%} of {TOOLS[best]}")
    else:
        ratio = goal.cpu_s / there.cpu_s
        at_once = ours[0].accuracy >= goal.accuracy
        instant = f"in 1/{goal.cpu_s / ours[0].cpu_s:.0f}" if at_once else "is not"
        print(
            f"  as accurate as {TOOLS[best]} ({goal.accuracy:.1%}) in 1/{ratio:.1f} of its CPU-seconds, trained; "
            f"the instant model {instant}"
        )
        if ratio < 3:
            failed.append(f"{name}: only {ratio:.1f} times as fast as {TOOLS[best]}")
    return failed + [
        f"{name}: {TOOLS[tool]} is more accurate after the same CPU time"
        for tool, line in peers.items()
        for point in line
        if (mine := [p.accuracy for p in ours if p.cpu_s <= point.cpu_s]) and max(mine) < point.accuracy
    ]


def _at_once(name: str, instant: Point, fastai: Line) -> list[str]:
    first = fastai[1]  # fine_tune(1) is an epoch of the head and one of everything
    ratio = first.cpu_s / instant.cpu_s
    print(f"  instant model: {instant.accuracy:.1%} in 1/{ratio:.0f} of fastai's fine_tune(1), {first.accuracy:.1%}")
    if ratio < 20 or instant.accuracy <= first.accuracy:
        return [f"{name}: the instant model is {ratio:.0f} times as fast as fastai's fine_tune(1)"]
    return []
