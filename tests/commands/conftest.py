"""The command line as a person types it: real processes, an own data folder, JSON that programs can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.running.services import LocalServices
from core.settings import read_settings
from core.storage import LocalFiles

ROOT = Path(__file__).parent.parent.parent


class Shell:
    """`python -m core ...` with a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        extra = {"DARKROOM_HOME": str(home), "DARKROOM_IDLE_EXIT_S": "120", "DARKROOM_DISK_RESERVE_BYTES": "1000000"}
        self.environment = {**os.environ, **extra}

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "core", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=240)

    def json(self, *arguments: object, code: int = 0) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def stop(self) -> None:
        """Ends every process that works on its data folder."""
        settings = read_settings(self.environment)
        LocalServices(settings, LocalFiles(settings.home, 0)).stop(trainers=True)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("commands") / "home")
    yield shell
    shell.stop()
