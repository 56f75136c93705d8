from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One data folder and one scheduler for a file of tests; afterwards nothing of it is alive."""
    lab = Lab(tmp_path_factory.mktemp("home"))
    yield lab
    lab.close()
    assert lab.processes() == {}


@pytest.fixture(scope="module")
def pictures(lab: Lab) -> tuple[int, int]:
    return lab.dataset()


@pytest.fixture(scope="module")
def unbroken(lab: Lab, pictures: tuple[int, int]) -> str:
    """The weights that an undisturbed run ends in."""
    return lab.weights(lab.submit(pictures))
