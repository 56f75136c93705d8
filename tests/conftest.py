"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.imaging.lending import Lender
from core.imaging.pool import DecoderPool
from core.studio import Studio
from tests import worlds


@pytest.fixture(scope="session")
def decoder() -> Iterator[DecoderPool]:
    with worlds.decoders() as pool:
        yield pool


@pytest.fixture(scope="session")
def lender() -> Iterator[Lender]:
    with worlds.lenders() as lender:
        yield lender


@pytest.fixture
def studio(tmp_path: Path, decoder: DecoderPool) -> Studio:
    return worlds.make_studio(tmp_path / "home", decoder)
