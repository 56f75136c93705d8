"""What benchmarks share: a scratch data folder, real pictures, a running Darkroom, a header that says where it ran."""

from __future__ import annotations

import argparse
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
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
LEAVE_S = 60.0  # a trainer has to save what it has


def header(trials: int) -> str:
    """Hardware, versions and trials, without which a figure says nothing."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "onnxruntime", "streamlit"))
    memory_gb = psutil.virtual_memory().total / 1e9
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, no GPU"
    return f"{machine}; Python {platform.python_version()}, {versions}; {trials} trials; {time.strftime('%Y-%m-%d')}"


def command(told: str | None, sections: Mapping[str, ModuleType], trials: int) -> int:
    """A benchmark of several sections, each a module with `arguments(parser)` and `run(wish)`: reads the command line
    and runs the one that is named."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    choice = parser.add_subparsers(dest="section", required=True, metavar="SECTION")
    for name, module in sections.items():
        section = choice.add_parser(name, description=module.__doc__)
        section.add_argument("--trials", type=int, default=trials)
        module.arguments(section)
    wish = parser.parse_args()
    print(header(wish.trials))
    sections[wish.section].run(wish)
    return 0


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


def processes_of(home: Path) -> set[psutil.Process]:
    """All processes of this Darkroom."""
    ours: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get("DARKROOM_HOME") == str(home):
                ours |= {process, *process.children(recursive=True)}  # decoding children have no such variable
        except psutil.Error:
            continue  # gone, or somebody else's
    return ours


def computed_s(home: Path) -> float:
    """Processor time of all processes of this Darkroom so far: what a busy machine does not falsify."""
    total = 0.0
    for process in processes_of(home):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def at_rest(home: Path, least_s: float = 3.0, timeout_s: float = 300) -> float:
    """Seconds until nothing of this Darkroom has computed for a while: what an import leaves to do is done."""

    def rests() -> bool:
        before_s = computed_s(home)
        time.sleep(least_s)
        return computed_s(home) - before_s < 0.15 * least_s

    return until(rests, timeout_s)


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

    def size(self, path: str) -> int:
        """Bytes of an answer, which are not kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request("GET", path, headers={"accept-encoding": "identity"})
            answer, total = connection.getresponse(), 0
            while piece := answer.read(1 << 20):
                total += len(piece)
            return total
        finally:
            connection.close()

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
    # A trainer that was told to end still saves, into the folder that is about to be removed.
    _, left = psutil.wait_procs(processes_of(home), LEAVE_S)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left)
