"""A trainer writes down the version that its run was promised, and learns exactly what it would have learned from one
that was written at the click."""

from __future__ import annotations

import pytest

from core import datasets, versions
from core.embedded import open_studio
from core.stores import Change, Where
from tests.faults.lab import SHORT, Lab


@pytest.mark.slow
def test_a_run_on_an_announced_version_ends_as_one_on_a_version_that_was_written_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = open_studio(lab.settings)
    (one, _), (other, _) = lab.dataset("one"), lab.dataset("other")
    at_once = versions.freeze(studio, one, 0.25, 3)
    monkeypatch.setattr(versions, "AT_ONCE", 3)
    announced = versions.freeze(studio, other, 0.25, 3)
    ids = [image.id for image in lab.store.images.page(other, Where(order="mixed"), 0, 30)]
    datasets.change(studio, other, "relabel", [Change(image, label="dark") for image in ids[:20]])
    datasets.change(studio, other, "delete", [Change(image, deleted=True) for image in ids[10:]])
    assert lab.store.versions.announced(announced.id) is not None
    runs = [lab.submit(where, SHORT) for where in ((one, at_once.id), (other, announced.id))]
    weights = [lab.weights(run) for run in runs]
    assert weights[0] == weights[1]
    assert lab.store.versions.announced(announced.id) is None
    studio.decoder.close()
