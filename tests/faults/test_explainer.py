"""kill -9 of whoever works an explanation out: it is begun again, three times at most, and nobody is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.bundles import write_bundle
from core.explanations import unpacked
from core.learning.networks import build
from core.recipe import derive
from core.records import Explanation, Method, ModelKind, TrainingSpec, Wish
from core.storage.explanations import GAVE_UP
from core.stores import Where
from tests.faults.lab import LABELS, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Without indexer and predictor, which an explanation does not need."""
    lab = Lab(tmp_path / "home", background=False)
    yield lab
    lab.close()
    assert lab.processes() == {}


def ask(lab: Lab) -> Explanation:
    """LIME, of a network that knows nothing: long enough to be killed in the middle."""
    dataset_id, version_id = lab.dataset()
    made = derive(TrainingSpec("resnet18", 1, {"side": 64}), 72, len(LABELS), cores=1)
    tensors = {name: value.numpy() for name, value in build("resnet18", len(LABELS), made).state_dict().items()}
    manifest = {"kind": "trained", "labels": list(LABELS), "recipe": made.as_dict()}
    write_bundle(lab.files.model("run-1-1"), manifest, tensors, b"")
    run = lab.store.runs.submit(dataset_id, version_id, "a run", TrainingSpec("resnet18", 1))
    lab.store.runs.request(run.id, Wish.CANCEL)
    model = lab.store.models.put(
        dataset_id, ModelKind.TRAINED, "resnet18", LABELS, 0.5, (0.3, 0.7), "validation", 72, "run-1-1", {}, run.id
    )
    [image] = lab.store.images.page(dataset_id, Where(order="oldest"), 0, 1)
    asked = lab.store.explanations.want(model.id, image.sha256, Method.LIME, "")
    lab.services.wake()
    return asked


def begun(lab: Lab, asked: Explanation, dead: str | None = None) -> str:
    """The handle of the explainer that has begun it, and is not the dead one."""
    lab.until(lambda: (handle := lab.child("explainer")) != dead and handle, "an explainer")
    handle = lab.child("explainer")
    lab.store.explanations.tell(asked.id, -1.0)  # whoever begins it says otherwise
    lab.until(lambda: (lab.store.explanations.get(asked.id).progress or 0.0) >= 0.0, "it is begun")
    return handle


def test_an_explanation_outlives_the_kill_of_its_explainer(lab: Lab) -> None:
    asked = ask(lab)
    first = begun(lab, asked)
    assert lab.store.explanations.get(asked.id).pending, "it was killed in the middle"
    lab.kill(first)
    lab.until(lambda: not lab.store.explanations.get(asked.id).pending, "it is worked out")
    done = lab.store.explanations.get(asked.id)
    assert done.problem is None and done.at is not None
    found = unpacked(done.content)
    assert found.label in LABELS and found.values.shape == (56, 56) and np.abs(found.values).max() == 1
    assert lab.child("explainer") != first


@pytest.mark.slow
def test_one_that_ends_three_explainers_is_given_up_in_words(lab: Lab) -> None:
    asked = ask(lab)
    handle = None
    for _ in range(3):
        handle = begun(lab, asked, handle)
        lab.kill(handle)
    lab.until(lambda: not lab.store.explanations.get(asked.id).pending, "it is given up")
    assert lab.store.explanations.get(asked.id).problem == GAVE_UP
    assert lab.store.explanations.due() == []
