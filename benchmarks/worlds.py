"""What benchmarks share: a scratch data folder, real pictures, a running Darkroom, a header that says where it ran."""

from __future__ import annotations

import http.client
import importlib.metadata
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"


def header(trials: int) -> str:
    """Hardware, versions and trials, without which a figure says nothing."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "onnxruntime", "streamlit"))
    memory_gb = psutil.virtual_memory().total / 1e9
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, no GPU"
    return f"{machine}; Python {platform.python_version()}, {versions}; {trials} trials; {time.strftime('%Y-%m-%d')}"


def unpack(name: str, destination: Path) -> Path:
    """A real picture set, without the lists that lie beside its labels."""
    archive = DATA / f"{name}.zip"
    if not archive.exists():
        sys.exit(f"The picture set {archive.name} is not there: benchmarks need ../shared/data.")
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(destination)
    return destination / name


def pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def until(done: Callable[[], Any], timeout_s: float, every_s: float = 0.02) -> float:
    """Seconds until `done()` is true."""
    began_s = time.perf_counter()
    while not done():
        if time.perf_counter() - began_s > timeout_s:
            sys.exit(f"waited {timeout_s:.0f} s in vain")
        time.sleep(every_s)
    return time.perf_counter() - began_s


class Server:
    """Darkroom as `make app` starts it, on a scratch data folder."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    @property
    def rss_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    @property
    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def post(self, path: str, content: bytes = b"{}", kind: str = "application/json") -> Any:
        return self._ask("POST", path, content, {"content-type": kind, "x-darkroom": "1"})

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            content = json.loads(answer.read())
            if answer.status >= 400:
                sys.exit(f"{method} {path}: {answer.status} {content}")
            return content
        finally:
            connection.close()


@contextmanager
def running(home: Path) -> Iterator[Server]:
    """Ends the screens and the background processes when left."""
    environment = {**os.environ, "DARKROOM_HOME": str(home), "DARKROOM_PORT": "0", "DARKROOM_IDLE_EXIT_S": "30"}
    command = [sys.executable, "-u", "-m", "core", "open"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            sys.exit(f"Darkroom did not start: {line}")
        yield Server(process, int(found.group(1)))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        _end_background(home)


def _end_background(home: Path) -> None:
    from core.running.services import LocalServices
    from core.settings import read_settings
    from core.storage import LocalFiles

    settings = read_settings({"DARKROOM_HOME": str(home)})
    LocalServices(settings, LocalFiles(home, 0)).stop(trainers=True)
