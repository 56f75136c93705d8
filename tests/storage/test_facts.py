"""What was measured of pictures, kept by their bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.records import PictureFacts
from core.storage import open_store

FACTS = PictureFacts(0.5, 0.2, 0.01, 0.02, 0.6, 0.3, (0.1, 0.2, 0.3), 0.05, "0123456789abcdef", bytes(range(256)), "ab")


def test_facts_come_back_as_they_were_and_the_first_ones_stay(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'darkroom.db'}")
    many = {f"{n:064x}": replace(FACTS, brightness=n / 2000) for n in range(1200)}
    store.facts.put(many)
    store.facts.put({f"{1:064x}": FACTS})
    assert store.facts.get([*many, "f" * 64]) == many
    assert store.facts.get([]) == {}
