"""Darkroom and its peers on the same pictures, one after the other, each in a process of its own."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from benchmarks import worlds

PEERS = Path(__file__).parent / "peers"
TOOLS = {"plain": "plain script", "fastai_tune": "fastai fine_tune", "timm_loop": "timm's parts"}
OURS = "Darkroom"


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


def run(tool: str, python: Path, folder: Path, epochs: int) -> Line:
    """Raises SystemExit with its last words when it fails."""
    from core.running.engine import TRAINER

    script = Path(__file__).parent / "ours.py" if tool == OURS else PEERS / f"{tool}.py"
    command = [sys.executable if tool == OURS else python, script, folder, str(epochs)]
    extra = TRAINER if tool == OURS else {}
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **extra}, check=False)
    if ended.returncode:
        sys.exit(f"{tool} failed:\n{ended.stderr[-2000:]}")
    return [Point(**json.loads(line)) for line in ended.stdout.splitlines() if line.startswith("{")]


def report(name: str, lines: dict[str, Line]) -> list[str]:
    """Prints the table of a set; gives the claims that do not hold."""
    ours = lines[OURS]
    print(f"\n{name}: after epoch: seconds (CPU-seconds) accuracy")
    for tool, line in lines.items():
        told = "  ".join(f"{p.epoch}: {p.seconds:.0f} ({p.cpu_s:.0f}) {p.accuracy:.1%}" for p in line)
        print(f"  {TOOLS.get(tool, tool):18} {told}")
    peers = {tool: line for tool, line in lines.items() if tool != OURS}
    best = max(peers, key=lambda tool: (peers[tool][-1].accuracy, -peers[tool][-1].cpu_s))
    goal = peers[best][-1]
    failed = []
    there = next((point for point in ours[1:] if point.accuracy >= goal.accuracy), None)
    at_once = ours[0].accuracy >= goal.accuracy
    if there is None:
        failed.append(f"{name}: no trained model reached the {goal.accuracy:.1%} of {TOOLS[best]}")
    else:
        ratio = goal.cpu_s / there.cpu_s
        print(
            f"  as accurate as {TOOLS[best]} ({goal.accuracy:.1%}) in 1/{ratio:.1f} of its CPU-seconds, trained", end=""
        )
        print(f"; the instant model in 1/{goal.cpu_s / ours[0].cpu_s:.0f}" if at_once else "; the instant model is not")
        if ratio < 3:
            failed.append(f"{name}: only {ratio:.1f} times as fast as {TOOLS[best]}")
    failed += [
        f"{name}: {TOOLS[tool]} is more accurate after the same CPU time"
        for tool, line in peers.items()
        for point in line
        if (mine := [p.accuracy for p in ours if p.cpu_s <= point.cpu_s]) and max(mine) < point.accuracy
    ]
    first = peers["fastai_tune"][1]  # fine_tune(1) is an epoch of the head and one of everything
    ratio = first.cpu_s / ours[0].cpu_s
    print(f"  instant model: {ours[0].accuracy:.1%} in 1/{ratio:.0f} of fastai's fine_tune(1), {first.accuracy:.1%}")
    if ratio < 20 or ours[0].accuracy <= first.accuracy:
        failed.append(f"{name}: the instant model is {ratio:.0f} times as fast as fastai's fine_tune(1)")
    return failed
