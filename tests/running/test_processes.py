"""Children read our settings, and a log stays small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.running.devices import find_devices
from core.running.processes import LOG_KEPT_BYTES, LOG_LIMIT_BYTES, cap_logs, environment, tail
from core.settings import Settings, read_settings


def test_a_child_reads_the_very_settings_of_its_parent(tmp_path: Path) -> None:
    ours = replace(Settings(tmp_path), lease_s=2.5, open_to_network=True, port=0, device="cpu", allowed_hosts="a,b")
    assert read_settings(environment(ours)) == ours


def test_a_log_is_cut_to_its_end_while_somebody_writes_on(tmp_path: Path) -> None:
    path = tmp_path / "run-1.1.log"
    with path.open("ab", buffering=0) as file:
        for number in range(LOG_LIMIT_BYTES // 20 + 1):
            file.write(b"%019d\n" % number)
        cap_logs(tmp_path)
        file.write(b"the end\n")
    lines = path.read_bytes().splitlines()
    assert path.stat().st_size < LOG_KEPT_BYTES + 100
    assert lines[-2:] == [b"%019d" % (LOG_LIMIT_BYTES // 20), b"the end"]
    assert len(lines[0]) == 19


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"first\nsecond\nthird\n")
    assert tail(path, 100) == b"first\nsecond\nthird\n"
    assert tail(path, 10) == b"third\n"
    assert tail(tmp_path / "missing.log", 10) == b""


def test_cuda_devices_are_those_that_the_environment_leaves_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert find_devices(Settings(tmp_path)) == ("2", "3")
    assert find_devices(Settings(tmp_path, device="cpu")) == ("cpu",)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_devices(Settings(tmp_path, device="cpu")) == ("cpu",)
