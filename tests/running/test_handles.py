"""A handle names one process for ever, and finds what it left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.running import handles

LEADER_WITH_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def leader() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that leads a session, and its child's pid."""
    command = [sys.executable, "-c", LEADER_WITH_CHILD]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    with process.stdout:
        child = int(process.stdout.readline())
    handle = handles.identity(process.pid)
    yield process, child
    handles.clear_group(handle)
    process.wait()


def test_our_own_process_is_alive() -> None:
    assert handles.is_alive(handles.identity(os.getpid()))


def test_a_reused_pid_is_a_stranger() -> None:
    host, pid, born = handles.identity(os.getpid()).rsplit(":", 2)
    boot, ticks = born.split("-")
    stranger = f"{host}:{pid}:{boot}-{int(float(ticks)) - 1}"
    assert not handles.is_alive(stranger)
    assert handles.group_members(stranger) == []


def test_a_handle_from_before_the_last_boot_is_dead_and_its_group_empty() -> None:
    host, pid, born = handles.identity(os.getpid()).rsplit(":", 2)
    old = f"{host}:{pid}:00000000-{born.split('-')[1]}"
    assert not handles.is_alive(old)
    assert handles.group_members(old) == []


def test_a_zombie_is_not_alive(leader: tuple[subprocess.Popen[bytes], int]) -> None:
    handle = handles.identity(leader[0].pid)
    leader[0].kill()
    while handles.is_alive(handle):
        time.sleep(0.01)
    assert leader[0].returncode is None  # nobody has reaped it yet


def test_what_a_dead_leader_left_behind_is_found_and_removed(leader: tuple[subprocess.Popen[bytes], int]) -> None:
    process, child = leader
    handle = handles.identity(process.pid)
    assert sorted(handles.group_members(handle)) == sorted([process.pid, child])
    process.kill()
    process.wait()
    assert handles.group_members(handle) == [child]
    assert handles.clear_group(handle)
    assert handles.group_members(handle) == []


def test_terminating_spares_the_children(leader: tuple[subprocess.Popen[bytes], int]) -> None:
    process, child = leader
    handle = handles.identity(process.pid)
    handles.terminate(handle)
    process.wait()
    assert handles.group_members(handle) == [child]


def test_terminating_a_dead_process_does_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    handle = handles.identity(process.pid)
    process.wait()
    handles.terminate(handle)
    handles.kill_group(handle)


ITS_MAIN_THREAD_ENDS = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
print("ready", flush=True)
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)  # exit: of this thread alone
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a process does not outlive its main thread")
def test_a_process_whose_other_threads_still_run_is_not_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ITS_MAIN_THREAD_ENDS], stdout=subprocess.PIPE)
    assert process.stdout
    with process.stdout:
        process.stdout.readline()
    handle = handles.identity(process.pid)
    stat = Path(f"/proc/{process.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert handles.is_alive(handle)
    process.kill()
    process.wait()
    assert not handles.is_alive(handle)
