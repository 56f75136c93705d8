"""What a process takes of the machine, as it is."""

from __future__ import annotations

import time

from core.running import gauges


def test_memory_that_is_held_is_measured() -> None:
    found = gauges.Gauges()
    before_mb, _ = found.read()
    held = b"x" * 80_000_000
    after_mb, _ = found.read()
    assert 60 < after_mb - before_mb < 200
    del held


def test_a_busy_process_has_a_share_of_the_cores_and_an_idle_one_hardly_any() -> None:
    found = gauges.Gauges()
    began_s = time.process_time()
    while time.process_time() - began_s < 0.3:
        pass
    _, busy = found.read()
    time.sleep(0.3)
    _, idle = found.read()
    assert 0 < busy <= 1 and idle < busy


def test_it_is_looked_at_no_more_often_than_asked() -> None:
    found = gauges.Gauges(every_s=3600)
    assert not found.due()
    assert gauges.Gauges(every_s=0).due()


def test_the_machine_is_described_without_its_name() -> None:
    assert set(gauges.machine()) == {"system", "python", "cores", "memory_gb"}
