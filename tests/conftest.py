"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from core.imaging.lending import Lender
from core.imaging.pool import DecoderPool
from core.studio import Studio
from tests import browser, worlds


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI a browser test that waited in vain is tried once more; the summary names it, for it is a fault to find."""
    if not os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError", "Locator expected"]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A browser test that fails tells what its pages said at that moment."""
    report = yield
    if report.when == "call" and report.failed:
        report.sections += [("what the page says", browser.words(page)) for page in browser.OPEN]
    return report
