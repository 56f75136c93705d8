from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import datasets, evaluation
from core.errors import NotFound
from core.records import Model, ModelKind
from core.stores import Change, Where
from core.studio import Studio
from tests.worlds import folder_of, imported


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> Model:
    """Six pictures: cat, cat, cat, dog, dog, dog. One cat is called a dog with 0.9, one dog a cat with 0.6."""
    dataset = imported(studio, folder_of(tmp_path / "p", {"cat": 3, "dog": 3}), "p")
    ids = [image.id for image in studio.store.images.page(dataset.id, Where(order="label"), 0, 9)]
    cat = np.array([0.8, 0.7, 0.1, 0.6, 0.2, 0.3], np.float32)
    folder = studio.files.model("m")
    folder.mkdir()
    np.savez(
        folder / "held_out.npz",
        image_id=np.array(ids, np.int64),
        target=np.array([0, 0, 0, 1, 1, 1], np.int64),
        probabilities=np.stack([cat, 1 - cat], axis=1),
    )
    measured = (4 / 6, (0.3, 0.9), "cross-validation", 6)
    return studio.store.models.put(
        dataset.id, ModelKind.INSTANT, "efficientnet-lite0", ["cat", "dog"], *measured, "m", {}
    )


def test_every_cell_of_the_confusion_matrix_opens_as_many_pictures_as_it_says(studio: Studio, model: Model) -> None:
    confusion = evaluation.score(studio, model).confusion
    assert confusion == ((2, 1), (1, 2))
    for true in range(2):
        for predicted in range(2):
            assert len(evaluation.behind(studio, model, true, predicted)) == confusion[true][predicted]


def test_the_worst_mistake_comes_first(studio: Studio, model: Model) -> None:
    found = evaluation.mistakes(studio, model)
    assert [(one.true, one.predicted, round(one.confidence, 2)) for one in found] == [
        ("cat", "dog", 0.9),
        ("dog", "cat", 0.6),
    ]


def test_a_picture_deleted_since_is_left_out(studio: Studio, model: Model) -> None:
    worst = evaluation.mistakes(studio, model)[0]
    datasets.change(studio, model.dataset_id, "delete", [Change(worst.image.id, deleted=True)])
    assert len(evaluation.mistakes(studio, model)) == 1


def test_a_model_whose_files_are_gone_says_so(studio: Studio, model: Model) -> None:
    (studio.files.model("m") / "held_out.npz").unlink()
    with pytest.raises(NotFound, match="held-out"):
        evaluation.score(studio, model)
