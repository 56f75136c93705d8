"""What a run resumes from: written atomically, checked when read, the one before taken when the newest is damaged.

A file is written beside its place, synced and renamed; a note with its sum follows the same way. A file without a
matching note does not count, so a kill at any moment leaves the last good state.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

Weights = dict[str, Tensor]
KEEP = 2
FORMAT = 1


def write_atomically(path: Path, write: Callable[[Any], object]) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except Exception as error:
        beside.unlink(missing_ok=True)  # half a file takes room that is missing already
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None  # torch says that its archive is odd; why, only the system knows
        raise
    beside.replace(path)
    if os.name == "posix":  # makes the rename itself durable
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_weights(path: Path, weights: Mapping[str, Weights | None]) -> None:
    """{network, averaged}: what a run ended with, or begins with."""
    write_atomically(path, lambda file: torch.save(dict(weights), file))


def read_weights(path: Path) -> dict[str, Weights | None]:
    """Of `write_weights`; of a model's safetensors, whose weights are both."""
    if path.suffix == ".safetensors":
        weights = load_file(path)
        return {"network": weights, "averaged": weights}
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _note(blob: Path) -> dict[str, Any]:
    """The note of a file that is whole; {} of any other."""
    try:
        note = json.loads(blob.with_suffix(".json").read_bytes())
        return dict(note) if note["format"] == FORMAT and note["sha256"] == _sum(blob) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


class Checkpoints:
    """The checkpoints of one run in a folder of their own.

    `before_write` is called before anything is written; a trainer whose attempt was replaced raises there.
    """

    def __init__(self, folder: Path, before_write: Callable[[], object] = lambda: None) -> None:
        self.folder, self.before_write = folder, before_write
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, step: int, state: Mapping[str, Any], best: tuple[int, Mapping[str, Tensor]] | None) -> None:
        """`state` after `step` steps, and the best weights so far with the step they were found at."""
        self.before_write()
        if best is not None and not _note(self._best(best[0])):
            self._write(self._best(best[0]), dict(best[1]), {"step": best[0]})
        self._write(self.folder / f"step-{step:09d}.pt", dict(state), {"step": step, "best": best[0] if best else None})
        self._sweep(step)

    def load(self, device: torch.device) -> tuple[dict[str, Any], tuple[int, dict[str, Tensor]] | None] | None:
        """The newest whole (state, best) of `save`; None when there is none."""
        for blob in sorted(self.folder.glob("step-*.pt"), reverse=True):
            note = _note(blob)
            if not note:
                continue
            if note["best"] is None:
                return self._read(blob, device), None
            weights = self._best(note["best"])
            if _note(weights):
                return self._read(blob, device), (note["best"], self._read(weights, torch.device("cpu")))
        return None

    def best(self) -> dict[str, Tensor] | None:
        """The best weights of the newest whole checkpoint, on the CPU."""
        found = self.load(torch.device("cpu"))
        return found[1][1] if found and found[1] else None

    def end(self) -> dict[str, Weights | None]:
        """{network, averaged} of the newest whole checkpoint, which there must be."""
        found = self.load(torch.device("cpu"))
        assert found is not None
        return {name: found[0][name] for name in ("network", "averaged")}

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:09d}.pt"

    def _read(self, blob: Path, device: torch.device) -> dict[str, Any]:
        return dict(torch.load(blob, map_location=device, weights_only=True))

    def _write(self, blob: Path, content: dict[str, Any], note: dict[str, Any]) -> None:
        write_atomically(blob, lambda file: torch.save(content, file))
        note = {"format": FORMAT, **note, "bytes": blob.stat().st_size, "sha256": _sum(blob)}
        write_atomically(blob.with_suffix(".json"), lambda file: file.write(json.dumps(note).encode()))

    def _sweep(self, newest: int) -> None:
        """Keeps two with the best weights they name. Later ones are damaged, or this run would have begun there.

        A note goes before its file, so that no half is ever believed.
        """
        steps = sorted(self.folder.glob("step-*.json"))
        kept = [note for note in steps if int(note.stem[5:]) <= newest][-KEEP:]
        named = {_note(note.with_suffix(".pt")).get("best") for note in kept}
        bests = [note for note in self.folder.glob("best-*.json") if int(note.stem[5:]) not in named]
        for note in [*(note for note in steps if note not in kept), *bests]:
            note.unlink(missing_ok=True)
            note.with_suffix(".pt").unlink(missing_ok=True)
        for left in self.folder.glob("*.part"):
            left.unlink(missing_ok=True)
