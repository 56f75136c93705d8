"""What a person should look at next: doubtful labels first, and a suggestion where the instant model has one."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file

from core import datasets, estimates, findings, runs
from core.architectures import get as card
from core.records import Metric
from core.stores import Change, Where
from core.studio import Studio
from tests.pages.conftest import add, add_model


def test_a_label_that_the_model_finds_wrong_is_shown_with_what_it_would_say(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 4, "pear": 4})
    assert findings.doubtful(studio, dataset_id, 10) == []
    add_model(studio, dataset_id)
    (doubt,) = findings.doubtful(studio, dataset_id, 10)
    assert (doubt.image.label, doubt.suggestion) == ("apple", "pear")
    assert 0.9 < doubt.confidence < 1
    assert findings.doubtful(studio, dataset_id, 10, skip=1) == []


def test_a_doubtful_label_that_was_changed_since_is_not_asked_again(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 4, "pear": 4})
    add_model(studio, dataset_id)
    (doubt,) = findings.doubtful(studio, dataset_id, 10)
    datasets.change(studio, dataset_id, "relabel", [Change(doubt.image.id, label="pear")])
    assert findings.doubtful(studio, dataset_id, 10) == []


def test_a_picture_without_a_label_gets_a_suggestion_once_it_has_its_vector(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 2, "pear": 2, None: 2})
    first, second = findings.unlabelled(studio, dataset_id, 10)
    assert (first.suggestion, first.confidence, second.suggestion) == (None, 0.0, None)
    model = add_model(studio, dataset_id)
    weight = np.zeros((2, 1280), np.float32)
    weight[1, 0] = 3
    save_file(
        {"head.weight": weight, "head.bias": np.zeros(2, np.float32)},
        studio.files.model(model.folder) / "weights.safetensors",
    )
    vectors = np.zeros((6, 1280), np.float32)
    row = studio.store.vectors.rows([first.image.sha256])[first.image.sha256]
    vectors[row, 0] = 1
    studio.vectors.append(0, vectors)
    first, second = findings.unlabelled(studio, dataset_id, 10)
    assert (first.suggestion, round(first.confidence, 3)) == ("pear", 0.953)
    assert round(second.confidence, 3) == 0.5


def test_a_cover_shows_every_label_before_any_label_twice(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 9, "pear": 9, "plum": 1})
    labels = [image.label for image in datasets.cover(studio, dataset_id, 6)]
    assert labels[:3] == ["apple", "pear", "plum"] and len(labels) == 6
    assert len(datasets.cover(studio, add(studio, "Loose", {None: 3}), 8)) == 3


def test_the_mixed_order_is_the_same_every_time_and_no_other(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 20, "pear": 20})
    mixed = [image.id for image in studio.store.images.page(dataset_id, Where(order="mixed"), 0, 40)]
    assert mixed == [image.id for image in studio.store.images.page(dataset_id, Where(order="mixed"), 0, 40)]
    assert sorted(mixed) != mixed and len(set(mixed)) == 40


def test_an_estimate_is_measured_once_a_run_has_said_its_speed(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 20, "pear": 20})
    before = estimates.estimate(card("mlp"), 40, 10, estimates.speeds(studio))
    assert not before.measured
    run = runs.start(studio, dataset_id, "mlp", 10)
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt is not None
    studio.store.runs.beat(run.id, attempt, "host:1:1", 1, 40, 0, [Metric(1, "images_per_s", 4.0)])
    after = estimates.estimate(card("mlp"), 40, 10, estimates.speeds(studio))
    assert before.seconds and after.seconds
    assert after.measured and after.seconds - before.seconds > 90  # 400 pictures at 4 a second


def test_a_run_at_another_picture_size_says_nothing_of_the_usual_one(studio: Studio) -> None:
    dataset_id = add(studio, "Fruit", {"apple": 20, "pear": 20})
    run = runs.start(studio, dataset_id, "mlp", 10, {"side": 64})
    attempt = studio.store.runs.begin_attempt(run.id)
    assert attempt is not None
    studio.store.runs.beat(run.id, attempt, "host:1:1", 1, 40, 0, [Metric(1, "images_per_s", 4.0)])
    assert estimates.speeds(studio) == {}
