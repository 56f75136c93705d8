"""What one attempt of a run does with pictures, store and files: in this very process, with nobody killed."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core import caution, runs
from core.beginnings import pin, pinned
from core.errors import Conflict, StudioError
from core.imaging.pool import DecoderPool
from core.index.backbone import Backbone
from core.index.sessions import Ready
from core.keeping import tidy
from core.learning import loop
from core.learning.events import Event, Validated
from core.learning.learner import Learner
from core.records import Begin, Hold, Metric, Run, RunState, Split, TrainingSpec, Verdict
from core.running.attempt import carry_out
from core.running.context import RunContext
from core.studio import Studio
from core.training import Training
from tests.faults.lab import Lab
from tests.worlds import make_studio

SPEC = TrainingSpec("mlp", 3, {"batch_size": 8, "threads": 1, "seed": 3, "patience": 0, "learning_rate": 1e-4})
CLOCKED = ("images_per_s", "memory_mb", "utilisation")


@pytest.fixture(autouse=True)
def _sigterm_stays_ours() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def _saved_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_EPOCH_S", 0.0)
    monkeypatch.setattr(loop, "SAVE_COST", 0)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "home", background=False)
    yield lab
    lab.close()


@pytest.fixture
def studio(lab: Lab, decoder: DecoderPool) -> Studio:
    return make_studio(lab.settings.home, decoder)


@pytest.fixture
def where(lab: Lab) -> tuple[int, int]:
    return lab.dataset()


def attempt(lab: Lab, run_id: int) -> Run:
    """One attempt of a queued run, to its end."""
    number = lab.store.runs.begin_attempt(run_id)
    assert number is not None

    def work(run: Run, context: RunContext) -> None:
        Training(lab.settings, lab.files, lab.store, run, context).work()

    assert carry_out(lab.store.runs, run_id, number, work) == 0
    tidy(lab.files, lab.store, run_id)
    return lab.run(run_id)


def trained(lab: Lab, where: tuple[int, int], spec: TrainingSpec = SPEC) -> Run:
    run = attempt(lab, lab.store.runs.submit(*where, "a run", spec).id)
    assert run.state is RunState.SUCCEEDED, run.error
    return run


def weights(lab: Lab, run: Run) -> str:
    model = lab.store.models.get(run.model_id or 0)
    return hashlib.sha256((lab.files.model(model.folder) / "weights.safetensors").read_bytes()).hexdigest()


def rows(lab: Lab, run: Run) -> list[Metric]:
    """All that does not measure the clock or the machine."""
    return [metric for metric in lab.store.runs.metrics(run.id) if metric.key not in CLOCKED]


def checks(lab: Lab, run: Run) -> list[float]:
    return [metric.value for metric in rows(lab, run) if metric.key == "val_loss"]


def breaking(monkeypatch: pytest.MonkeyPatch, epoch: int, act: Callable[[], None]) -> None:
    """`act` happens when that epoch was checked, before it is written down."""
    hear = Training._hear

    def heard(self: Training, event: Event) -> None:
        if isinstance(event, Validated) and event.epoch == epoch:
            act()
        hear(self, event)

    monkeypatch.setattr(Training, "_hear", heard)


def poison(monkeypatch: pytest.MonkeyPatch, always: bool) -> None:
    """The weights cease to be numbers in step 12; `always`: at the lower rate too."""
    learn = Learner.learn

    def poisoned(self: Learner, inputs: torch.Tensor, targets: torch.Tensor, rate: float) -> None:
        learn(self, inputs, targets, rate)
        if self.step == 12 and (always or not self.went_back):
            with torch.no_grad():
                next(self.network.parameters()).fill_(torch.nan)

    monkeypatch.setattr(Learner, "learn", poisoned)


def test_test_pictures_change_nothing_but_the_score(lab: Lab, where: tuple[int, int]) -> None:
    first, second = trained(lab, where), trained(lab, lab.dataset("other tests", test_seed=7))
    assert weights(lab, first) == weights(lab, second)
    assert rows(lab, first) == rows(lab, second)
    scored = [lab.store.models.get(run.model_id or 0) for run in (first, second)]
    assert [model.measured_on for model in scored] == ["test", "test"]
    assert scored[0].summary["loss"] != scored[1].summary["loss"]


def test_what_is_strange_to_a_network_that_began_with_nothing_is_told_by_the_packaged_one(
    lab: Lab, where: tuple[int, int], decoder: DecoderPool
) -> None:
    lab.settings = dataclasses.replace(lab.settings, backbone="")
    model = lab.store.models.get(trained(lab, where).model_id or 0)
    ready = Ready(lab.files.model(model.folder) / "model.onnx")
    assert ready.caution is not None and ready.caution.by == caution.BACKBONES and ready.caution == caution.of(model)
    [shown, *_] = [image.sha256 for image in lab.store.versions.images(where[1]) if image.split is Split.TRAIN]
    pixels = decoder.pixels(lab.files.picture(shown))
    [bare] = Backbone(lab.settings.backbone_path, 1).vectors(pixels[None])

    ramp = np.linspace(0, 240, 40).astype(np.uint8)[:, None, None] * np.ones((1, 40, 3), np.uint8)
    own, strange = (ready.run(one, heat=False)[0] for one in (pixels, ramp))

    assert own.backbone_vector is not None and np.allclose(own.backbone_vector, bare, atol=1e-4)
    said = [(ready.familiarity(one), float(one.probabilities.max())) for one in (own, strange)]
    assert [ready.caution.verdict(1.0, sure, familiar) for familiar, sure in said] == [Verdict.ANSWERED, Verdict.UNLIKE]


def test_without_the_packaged_network_a_run_has_its_model_all_the_same(lab: Lab, where: tuple[int, int]) -> None:
    lab.settings = dataclasses.replace(lab.settings, backbone="nowhere.onnx")
    model = lab.store.models.get(trained(lab, where).model_id or 0)
    found = caution.of(model)
    assert found is not None and found.by == caution.OWN and found.familiar > -1
    assert Ready(lab.files.model(model.folder) / "model.onnx").caution == found


def test_a_run_records_its_split(lab: Lab, where: tuple[int, int]) -> None:
    run = trained(lab, where)
    (said,) = [event.data for event in lab.store.runs.events(run.id) if event.kind == "split"]
    frozen = [image.split for image in lab.store.versions.images(run.version_id)]
    assert said == {str(split): frozen.count(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)}


def test_a_run_that_is_tried_again_goes_on_at_its_last_checkpoint_and_ends_in_the_same_bits(
    lab: Lab, where: tuple[int, int], studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = trained(lab, where)
    run = lab.store.runs.submit(*where, "a run", SPEC)

    def fail() -> None:
        raise StudioError("A label is empty.")

    with monkeypatch.context() as patch:
        breaking(patch, 2, fail)
        failed = attempt(lab, run.id)
    assert (failed.state, failed.model_id) == (RunState.FAILED, None)

    again = attempt(lab, runs.retry(studio, run.id).id)

    assert (again.state, again.parent_id) == (RunState.SUCCEEDED, run.id)
    (resumed,) = [event.data["step"] for event in lab.store.runs.events(again.id) if event.kind == "resumed"]
    assert 0 < resumed < again.step
    assert weights(lab, again) == weights(lab, unbroken)
    assert rows(lab, again) == rows(lab, unbroken)


def test_only_what_ended_without_success_is_tried_again(lab: Lab, where: tuple[int, int], studio: Studio) -> None:
    run = lab.store.runs.submit(*where, "a run", SPEC)
    with pytest.raises(Conflict, match="waiting"):
        runs.retry(studio, run.id)
    runs.cancel(studio, run.id)
    assert attempt(lab, runs.retry(studio, run.id).id).state is RunState.SUCCEEDED


@pytest.mark.parametrize("begin", [Begin.END, Begin.BEST])
def test_training_longer_begins_with_the_weights_it_says(
    lab: Lab, where: tuple[int, int], studio: Studio, begin: Begin
) -> None:
    parent = trained(lab, where, TrainingSpec("mlp", 3, {**SPEC.overrides, "learning_rate": 1e-3}))
    before = checks(lab, parent)
    assert runs.begins(studio, parent) == [Begin.END, Begin.BEST]
    best = min(range(3), key=lambda at: _rank(lab, parent)[at])

    child = attempt(lab, runs.longer(studio, parent.id, 2, begin).id)

    assert (child.state, child.parent_id, child.version_id) == (RunState.SUCCEEDED, parent.id, parent.version_id)
    after = checks(lab, child)
    assert len(after) == 3 and after[0] == pytest.approx(before[-1 if begin is Begin.END else best], rel=1e-6)
    (recipe,) = [event.data["recipe"] for event in lab.store.runs.events(child.id) if event.kind == "recipe"]
    assert (recipe["learning_rate"], recipe["warm_start"], recipe["epochs"]) == (5e-4, False, 2)


def _rank(lab: Lab, run: Run) -> list[tuple[float, float]]:
    found = rows(lab, run)
    right = [metric.value for metric in found if metric.key == "val_accuracy"]
    return [(-accuracy, loss) for accuracy, loss in zip(right, checks(lab, run), strict=True)]


def test_how_a_run_will_go_on_is_told_in_words_before(lab: Lab, where: tuple[int, int], studio: Studio) -> None:
    run = trained(lab, where)
    said = runs.plan_longer(studio, run, 5, Begin.END).sentence
    assert "5 epochs more from where it ended" in said and "half of what it was, 5e-05" in said
    with pytest.raises(Conflict, match="nothing to go on from"):
        runs.plan_longer(studio, lab.store.runs.submit(*where, "a run", SPEC), 5, Begin.END)


def test_what_a_run_begins_with_stays_when_its_parent_goes_away(
    lab: Lab, where: tuple[int, int], studio: Studio
) -> None:
    parent = trained(lab, where)
    child = runs.longer(studio, parent.id, 1, Begin.END)
    lab.files.run(child.id).mkdir()
    pin(lab.files, lab.store, child)
    shutil.rmtree(lab.files.run(parent.id))
    assert attempt(lab, child.id).error and "are gone" in (lab.run(child.id).error or "")
    assert pinned(lab.files, child)["network"]


def test_a_loss_that_is_no_number_once_is_said_and_leaves_one_curve(
    lab: Lab, where: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, always=False)
    run = trained(lab, where)
    (back,) = [event.data for event in lab.store.runs.events(run.id) if event.kind == "went_back"]
    assert "went back to epoch 1" in back["sentence"] and "a tenth of the learning rate" in back["sentence"]
    steps = [metric.step for metric in rows(lab, run) if metric.key == "train_loss"]
    assert steps == list(range(1, run.total_steps + 1))
    assert all(metric.value == metric.value for metric in rows(lab, run))


def test_a_loss_that_is_no_number_twice_fails_the_run_and_keeps_its_best_model(
    lab: Lab, where: tuple[int, int], studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, always=True)
    run = attempt(lab, lab.store.runs.submit(*where, "a run", SPEC).id)
    assert run.state is RunState.FAILED and "again" in (run.error or "") and run.finished_at
    assert lab.store.models.get(run.model_id or 0).measured_on == "test"
    assert runs.begins(studio, run) == [Begin.BEST], "its last weights are no numbers"
    monkeypatch.undo()
    again = attempt(lab, runs.retry(studio, run.id).id)
    assert again.state is RunState.SUCCEEDED, "from the beginning: nothing of it is worth taking over"


def test_a_disk_that_fills_up_pauses_the_run_which_ends_in_the_same_bits(
    lab: Lab, where: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = trained(lab, where)
    run_id = lab.store.runs.submit(*where, "a run", SPEC).id
    with monkeypatch.context() as patch:
        breaking(patch, 2, lambda: patch.setattr(lab.files, "_reserve_bytes", 1 << 60))
        paused = attempt(lab, run_id)
    assert (paused.state, paused.hold) == (RunState.PAUSED, Hold.DISK) and "nearly full" in (paused.error or "")
    assert lab.store.runs.request(run_id, "resume")
    run = attempt(lab, run_id)
    assert (run.state, run.error) == (RunState.SUCCEEDED, None)
    assert weights(lab, run) == weights(lab, unbroken)
    assert rows(lab, run) == rows(lab, unbroken)
