"""What is said of the processes beside the scheduler."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock

from core.running import handles
from core.running.children import HUNG_S, NAMES, Children, write_handle
from core.settings import Settings
from core.storage import LocalFiles


@pytest.mark.parametrize(("seconds", "said"), [(0, False), (600, True)])
def test_one_that_ended_by_itself_is_not_said_to_hang(
    seconds: int, said: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files, now_s = LocalFiles(tmp_path, 0), 0.0
    surveyor = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({seconds})"], start_new_session=True)
    write_handle(files, "surveyor", handles.identity(surveyor.pid))
    with ExitStack() as others:
        for name in NAMES:  # taken, so that none is started
            others.enter_context(FileLock(files.lock(name)))
        if not seconds:
            surveyor.wait()
        children = Children(Settings(home=tmp_path), files, lambda: now_s)
        for _ in range(5):
            children.tick({})
            now_s += HUNG_S / 2.5
    assert ("the surveyor hangs" in caplog.text) is said
    assert surveyor.wait(60) is not None
