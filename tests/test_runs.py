from __future__ import annotations

import pytest

from core import datasets, estimates, runs
from core.errors import Conflict, DiskFull, NotFound, Refused
from core.records import Run, RunState, Split, Wish
from core.storage import LocalFiles
from core.stores import NewImage
from core.studio import Studio


def labelled_dataset(studio: Studio, counts: dict[str, int]) -> int:
    dataset = datasets.create(studio, "d")
    names = [name for name, count in counts.items() for _ in range(count)]
    new = [NewImage(f"{n:064x}", f"{name}/{n}.png", name, Split.AUTO, 8, 8, "PNG", 9) for n, name in enumerate(names)]
    studio.store.images.add(dataset.id, new, "ann", "Added")
    return dataset.id


def queued(studio: Studio, epochs: int = 3) -> Run:
    return runs.start(studio, labelled_dataset(studio, {"cat": 5, "dog": 5}), "mlp", epochs)


def test_starting_a_run_freezes_what_it_trains_on_and_wakes_the_scheduler(studio: Studio) -> None:
    run = queued(studio)
    assert (run.state, run.spec.architecture, run.spec.epochs) == (RunState.QUEUED, "mlp", 3)
    frozen = studio.store.versions.images(run.version_id)
    assert {image.split for image in frozen} == {Split.TRAIN, Split.VALIDATION}
    assert studio.services.woken == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("epochs", [0, -1, 1001])
def test_an_impossible_number_of_epochs_is_refused(studio: Studio, epochs: int) -> None:
    with pytest.raises(Refused, match="epochs"):
        runs.start(studio, labelled_dataset(studio, {"cat": 5, "dog": 5}), "mlp", epochs)
    assert runs.all_of(studio) == []


def test_an_unknown_architecture_is_answered_with_those_there_are(studio: Studio) -> None:
    with pytest.raises(NotFound, match="efficientnet-lite0"):
        runs.start(studio, labelled_dataset(studio, {"cat": 5, "dog": 5}), "resnet9000", 3)


@pytest.mark.parametrize("overrides", [{"learning_rate": -1.0}, {"no_such_dial": 3}, {"optimizer": "magic"}])
def test_a_setting_out_of_range_never_reaches_the_queue(studio: Studio, overrides: dict[str, object]) -> None:
    with pytest.raises(Refused):
        runs.start(studio, labelled_dataset(studio, {"cat": 5, "dog": 5}), "mlp", 3, overrides)
    assert runs.all_of(studio) == []


def test_one_label_cannot_be_trained_on(studio: Studio) -> None:
    with pytest.raises(Refused, match="one label only"):
        runs.start(studio, labelled_dataset(studio, {"cat": 5}), "mlp", 3)


def test_a_nearly_full_disk_refuses_a_run_before_it_starts(studio: Studio) -> None:
    dataset_id = labelled_dataset(studio, {"cat": 5, "dog": 5})
    full = LocalFiles(studio.settings.home, reserve_bytes=1 << 60)
    nearly = Studio(
        studio.settings, studio.store, full, studio.decoder, studio.vectors, studio.predictor, studio.services
    )
    with pytest.raises(DiskFull):
        runs.start(nearly, dataset_id, "mlp", 3)


def test_a_run_that_waits_is_cancelled_by_stop_and_cannot_be_stopped_twice(studio: Studio) -> None:
    run = queued(studio)
    assert runs.stop(studio, run.id).state is RunState.CANCELLED
    with pytest.raises(Conflict, match="over already"):
        runs.stop(studio, run.id)


def test_a_run_at_work_is_asked(studio: Studio) -> None:
    run = queued(studio)
    studio.store.runs.begin_attempt(run.id)
    assert runs.stop(studio, run.id).wish is Wish.STOP


def test_only_a_paused_run_can_be_resumed(studio: Studio) -> None:
    run = queued(studio)
    with pytest.raises(Conflict, match="nothing to resume"):
        runs.resume(studio, run.id)
    attempt = studio.store.runs.begin_attempt(run.id)
    assert studio.store.runs.cas(run.id, [RunState.STARTING], fence=attempt, state=RunState.PAUSED)
    assert runs.resume(studio, run.id).state is RunState.QUEUED


def test_the_queue_says_how_many_are_before(studio: Studio) -> None:
    first = queued(studio)
    second = runs.start(studio, first.dataset_id, "mlp", 1)
    turns = [estimates.turn(studio, run) for run in (first, second)]
    assert [turn.before for turn in turns if turn] == [0, 1]
    assert turns[1] and 0 < turns[1].starts_in_s < 60
    assert estimates.sentence(turns[1]).startswith("1 before you, about ")


@pytest.mark.parametrize("text", ["999", "abc", "-1", "1; DROP TABLE run"])
def test_a_run_that_is_not_there_is_said_to_be_not_there(studio: Studio, text: str) -> None:
    with pytest.raises(NotFound):
        runs.find(studio, text)
