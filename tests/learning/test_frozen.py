"""The stages that do not learn, computed apart from those that do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core.learning import frozen, source
from core.learning.events import Finished, Validated
from core.learning.frozen import FrozenStages, set_apart
from core.learning.learner import Learner
from core.learning.networks import build
from core.recipe import Recipe
from tests.learning import sets

CPU = torch.device("cpu")
STAGES = 4


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return sets.recipe("efficientnet-lite0", epochs=2, frozen_stages=STAGES, precision="fp32", layout="channels_last")


@pytest.fixture(scope="module")
def inputs(recipe: Recipe) -> Tensor:
    return torch.rand((8, 3, recipe.side, recipe.side), generator=torch.Generator().manual_seed(3)) * 2 - 1


def stages_of(recipe: Recipe, pictures: int = 8) -> FrozenStages:
    return FrozenStages(build("efficientnet-lite0", 2, recipe), STAGES, recipe.side, pictures)


def test_they_give_what_the_network_gives_and_the_rest_goes_on_from_there(recipe: Recipe, inputs: Tensor) -> None:
    network = build("efficientnet-lite0", 2, recipe).eval()
    features = FrozenStages(network, STAGES, recipe.side, 8)(inputs)
    with torch.inference_mode():
        whole, answered = network(inputs), network.answer(inputs)
        torch.testing.assert_close(features, network.through(inputs, STAGES), rtol=1e-4, atol=1e-3)
        network.skip(STAGES)
        torch.testing.assert_close(network(features), whole, rtol=1e-4, atol=1e-4)
        for found, wanted in zip(network.answer(features), answered, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_a_picture_is_the_same_bits_whoever_is_beside_it(recipe: Recipe, inputs: Tensor) -> None:
    stages = stages_of(recipe)
    whole = stages(inputs)
    for size in (1, 2, 3, 5):
        assert torch.equal(torch.cat([stages(part.contiguous()) for part in torch.split(inputs, size)]), whole)


def test_a_picture_that_is_not_varied_is_made_once_and_stays_as_it_was(recipe: Recipe, inputs: Tensor) -> None:
    stages, asked = stages_of(recipe), Counter[int]()

    def load(chosen: frozen.Indices) -> Tensor:
        asked.update(chosen.tolist())
        return inputs[torch.from_numpy(chosen)]

    whole = stages(inputs)
    for chosen in ([1, 2, 3], [3, 0, 1], [7, 6, 5, 4], list(range(8)), [2, 2]):
        assert torch.equal(stages.unvaried(np.array(chosen), load), whole[chosen])
    assert asked == Counter(range(8))


def test_beyond_its_room_nothing_is_kept_and_all_is_right(
    recipe: Recipe, inputs: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stages_of(recipe)(inputs)
    monkeypatch.setattr(frozen, "KEPT_BYTES", 3 * whole[0].numel() * whole.element_size())
    stages, asked = stages_of(recipe), Counter[int]()

    def load(chosen: frozen.Indices) -> Tensor:
        asked.update(chosen.tolist())
        return inputs[torch.from_numpy(chosen)]

    for _ in range(3):
        for part in (np.arange(2), np.arange(2, 6), np.arange(6, 8)):
            assert torch.equal(stages.unvaried(part, load), whole[torch.from_numpy(part)])
    assert sorted(asked.values()) == [1, 1, 1, 3, 3, 3, 3, 3]


@pytest.mark.parametrize(("augmentation", "times"), [("none", 1), ("light", 2)])
def test_a_run_reads_a_picture_once_where_it_is_never_varied(
    augmentation: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs to learn from and three checks, the first before anything is learned."""
    recipe = sets.recipe("efficientnet-lite0", 2, augmentation=augmentation, frozen_stages=STAGES)
    asked, stored = Counter[int](), source.Source._stored

    def counting(self: source.Source, some: source.Indices) -> Tensor:
        asked.update(some.tolist())
        return stored(self, some)

    monkeypatch.setattr(source.Source, "_stored", counting)
    head = np.zeros((2, 1280), np.float32), np.zeros(2, np.float32)
    events = list(sets.training(tmp_path, recipe, 16, head))
    assert len([one for one in events if isinstance(one, Validated)]) == 3 and isinstance(events[-1], Finished)
    learned, checked = [asked[n] for n in range(12)], [asked[n] for n in range(12, 16)]
    assert learned == [times] * 12 and checked == [1] * 4


def test_a_run_that_goes_back_still_begins_after_them(recipe: Recipe, inputs: Tensor) -> None:
    learner = Learner(recipe, 2, CPU, None, "", skipped=STAGES)
    features, wanted = FrozenStages(learner.network, STAGES, recipe.side, 8)(inputs), torch.arange(8) % 2
    before = learner.check(features, wanted)
    learner.begin_epoch()
    learner.learn(features, wanted, rate=0.1)
    learner.go_back()
    assert torch.equal(learner.check(features, wanted), before)


def test_a_device_that_is_quick_itself_computes_them_itself(recipe: Recipe) -> None:
    assert set_apart(recipe, CPU) == STAGES
    assert set_apart(recipe, torch.device("cuda")) == set_apart(recipe, torch.device("mps")) == 0
    assert set_apart(sets.recipe("resnet18"), CPU) == 0


def test_they_take_one_thread_each_time(recipe: Recipe, inputs: Tensor) -> None:
    """Whoever makes a part of a batch has a core of its own for it, and no other."""
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        pytest.skip("Only Linux tells of its threads here.")
    stages_of(recipe)(inputs)  # torch has whatever threads it wants by then
    before = len(list(tasks.iterdir()))
    stages_of(recipe)(inputs)
    assert len(list(tasks.iterdir())) == before
