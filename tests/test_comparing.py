"""Two models on the same pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from core import comparing, datasets, models, runs
from core.records import Model, ModelKind, Split
from core.stores import Change, NewImage
from core.studio import Studio

LABELS = ["cat", "dog"]


def measured(studio: Studio, dataset_id: int, name: str, run_id: int | None, said: dict[int, str]) -> Model:
    """A model that said that of these images."""
    ids = np.array(sorted(said), np.int64)
    probabilities = np.array([[0.8, 0.2] if said[one] == "cat" else [0.3, 0.7] for one in ids], np.float32)
    studio.files.model(name).mkdir()
    targets = np.zeros(len(ids), np.int64)
    np.savez(studio.files.model(name) / "held_out.npz", image_id=ids, target=targets, probabilities=probabilities)
    kind = ModelKind.INSTANT if run_id is None else ModelKind.TRAINED
    score = (0.5, (0.3, 0.7), "validation", len(ids))
    return studio.store.models.put(dataset_id, kind, "mlp", LABELS, *score, name, {}, run_id)


@pytest.fixture
def pair(studio: Studio) -> tuple[Model, Model]:
    """Images 1 to 8, cat and dog by turns. The first model calls all of them cats, the second knows 3 dogs and one cat
    that it calls a dog; it was not asked about image 8."""
    dataset = studio.store.datasets.create("pets")
    images = [NewImage(f"{n:064x}", f"{n}.jpg", LABELS[1 - n % 2], Split.AUTO, 9, 9, "JPEG", 9) for n in range(1, 9)]
    studio.store.images.add(dataset.id, images, "ann", "Added")
    before = measured(studio, dataset.id, "before", None, dict.fromkeys(range(1, 9), "cat"))
    said = {1: "cat", 2: "dog", 3: "cat", 4: "dog", 5: "dog", 6: "dog", 7: "cat"}
    run = runs.start(studio, dataset.id, "mlp", 1)
    return before, measured(studio, dataset.id, "after", run.id, said)


def test_each_picture_that_flipped_is_shown_once(studio: Studio, pair: tuple[Model, Model]) -> None:
    found = comparing.compare(studio, *pair)
    labels = studio.store.images.labels_of(pair[0].dataset_id, found.image_ids.tolist())
    assert len(found.image_ids) == 7 and 8 not in found.image_ids, "only what both were measured on"
    assert sum(found.many(turn) for turn in comparing.TURNS) == 7
    fixed = comparing.flips(studio, found, "fixed", 9)
    assert sorted(one.image.id for one in fixed) == [n for n in (2, 4, 6) if labels[n] == "dog"] == [2, 4, 6]
    [broken] = comparing.flips(studio, found, "broken", 9)
    assert (broken.image.id, broken.before, broken.after) == (5, "cat", "dog")
    assert "B is better: 3 fixed, 1 broken on 7 pictures" in comparing.sentence(found, "A", "B")
    assert "may well be chance" in comparing.sentence(found, "A", "B")


def test_a_corrected_label_counts_at_once(studio: Studio, pair: tuple[Model, Model]) -> None:
    datasets.change(studio, pair[0].dataset_id, "relabel", [Change(5, label="dog")])
    found = comparing.compare(studio, *pair)
    assert (found.many("fixed"), found.many("broken")) == (4, 0)


def test_a_table_measures_all_on_the_same_pictures(studio: Studio, pair: tuple[Model, Model]) -> None:
    first, second = comparing.table(studio, pair)
    assert (first.model.id, first.right, first.images) == (pair[1].id, 6, 7)
    assert (second.right, second.images) == (4, 7)


@pytest.mark.parametrize(("fixed", "broken"), [(14, 3), (3, 14), (1, 0), (5, 5), (0, 9), (700, 600)])
def test_chance_is_what_the_exact_test_says(fixed: int, broken: int) -> None:
    expected = stats.binomtest(fixed, fixed + broken).pvalue
    assert comparing.mcnemar(fixed, broken) == pytest.approx(expected, rel=0.03)


def test_curves_of_both_are_those_of_scikit_learn(studio: Studio, pair: tuple[Model, Model]) -> None:
    chance = np.random.default_rng(2)
    positive = np.arange(60) % 3 == 0
    sure = np.round(0.3 * positive + chance.random(60), 1).astype(np.float32)  # with many equals
    one = comparing.rank(positive, sure)
    wrong, found, _ = metrics.roc_curve(positive, sure, drop_intermediate=False)
    assert np.allclose(one.wrong, wrong) and np.allclose(one.found, found)
    assert one.area == pytest.approx(metrics.roc_auc_score(positive, sure))
    precision, recall, _ = metrics.precision_recall_curve(positive, sure)
    assert np.allclose(one.found[1:], recall[-2::-1]) and np.allclose(one.precision[1:], precision[-2::-1])

    compared = comparing.compare(studio, *pair)
    both = comparing.rankings(studio, compared, "dog")
    assert both is not None
    before, after = both
    assert before.area == pytest.approx(0.5), "it says the same of all"
    dogs = np.array(compared.labels) == "dog"
    said = np.array(compared.said_after) == "dog"
    assert after.area == pytest.approx(metrics.roc_auc_score(dogs, said))
    assert comparing.rankings(studio, compared, "eel") is None


def test_the_former_model_is_back_in_use_by_one_click(studio: Studio, pair: tuple[Model, Model]) -> None:
    before, after = pair
    dataset_id = before.dataset_id
    assert comparing.use(studio, after.id).chosen
    assert (used := models.in_use(studio, dataset_id)) and used.id == after.id
    comparing.use(studio, before.id)
    assert (used := models.in_use(studio, dataset_id)) and used.id == before.id
    assert [one.chosen for one in models.all_of(studio, dataset_id)].count(True) == 1
