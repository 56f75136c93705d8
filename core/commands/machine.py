"""Commands about this machine: what works here, the background processes, and the screens."""

from __future__ import annotations

import argparse
import os
import platform
import struct
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core import samples
from core.commands.answers import Answer, Failed
from core.embedded import open_studio
from core.errors import StudioError
from core.running.devices import find_devices
from core.settings import read_settings
from core.studio import Studio

SERVICE_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at; `advice` is what to do when it is not well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def doctor(_wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    checks: list[Callable[[Studio], Finding]] = [_machine, _device, _disk, _database, _backbone, _samples, _decoder]
    findings = [_look(check, studio) for check in checks] + [
        _service(studio, name) for name in ("scheduler", "indexer", "predictor")
    ]
    studio.decoder.close()
    document = {
        "ok": all(one.ok for one in findings),
        "home": str(studio.settings.home),
        "checks": [{"name": f.name, "ok": f.ok, "detail": f.detail, "advice": f.advice} for f in findings],
    }
    lines = [f"{'ok ' if f.ok else 'NOT'}  {f.name}: {f.detail}{' ' + f.advice if not f.ok else ''}" for f in findings]
    return (Answer if document["ok"] else Failed)(document, "\n".join(lines))


def serve(_wish: argparse.Namespace) -> Answer:
    os.environ["DARKROOM_IDLE_EXIT_S"] = "0"  # until somebody says stop
    from core import scheduler

    scheduler.main()
    return Answer({"served": True}, "")


def open_screens(_wish: argparse.Namespace) -> Answer:
    from core.serving.server import serve as serve_screens

    serve_screens(read_settings())
    return Answer({"served": True}, "")


def _look(check: Callable[[Studio], Finding], studio: Studio) -> Finding:
    try:
        return check(studio)
    except StudioError as error:
        return Finding(check.__name__.strip("_"), False, str(error))


def _machine(_studio: Studio) -> Finding:
    detail = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding("machine", True, detail)


def _device(studio: Studio) -> Finding:
    devices = find_devices(studio.settings)
    if devices == ("cpu",):
        return Finding("device", True, "no GPU found; runs train on the CPU, the instant model needs none")
    return Finding("device", True, f"runs train on {', '.join(devices)}")


def _disk(studio: Studio) -> Finding:
    studio.files.require_room()
    with tempfile.NamedTemporaryFile(dir=studio.settings.home) as file:
        file.write(b"darkroom")
        file.flush()
        os.fsync(file.fileno())
    return Finding("disk", True, f"{studio.files.free_bytes() / 1e9:.0f} GB free, and it can be written to")


def _database(studio: Studio) -> Finding:
    studio.store.services.alive("cli")
    return Finding("database", True, f"{len(studio.store.datasets.all())} datasets")


def _backbone(studio: Studio) -> Finding:
    path = studio.settings.backbone_path
    advice = "Run `make setup` in Darkroom's folder."
    return Finding("backbone", path.exists(), "in its place" if path.exists() else "missing.", advice)


def _samples(_studio: Studio) -> Finding:
    there = len(samples.held_back())
    detail = f"{there} pictures to try" if there else "not drawn yet."
    return Finding("samples", bool(there), detail, "Run `make setup` in Darkroom's folder.")


def _decoder(studio: Studio) -> Finding:
    pixels = studio.decoder.pixels(_tiny_png())
    return Finding("decoder", pixels.shape == (1, 1, 3), "pictures are decoded in a limited process")


def _service(studio: Studio, name: str) -> Finding:
    """Started, and heard of within the time it needs to start."""
    asked_at = time.time()
    studio.services.wake()
    while time.time() - asked_at < SERVICE_WAIT_S:
        beat = studio.store.services.all().get(name)
        if beat and beat.heartbeat_at > asked_at - 5:
            return Finding(name, True, "at work")
        time.sleep(0.1)
    log: Path = studio.files.log(name)
    return Finding(name, False, "does not answer.", f"Its log is {log}.")


def _tiny_png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
