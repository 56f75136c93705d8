"""Whether a network can be trained and taken away here at all: tried before the first epoch, with two pictures.

Networks of a hundred authors fail in as many ways; each becomes a sentence that says what to do.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core.architectures import Architecture
from core.errors import StudioError
from core.learning.augment import as_input
from core.learning.export import export
from core.learning.learner import mix
from core.learning.networks import Network, build
from core.recipe import Recipe

COPIES = 6  # of each number: itself, its gradient, two moments, the average, the best so far
MOST_FILE_BYTES = 1_900_000_000  # a graph is one message, and those end at 2 GB
MOST_SHARE = 0.9  # of the free memory
SOLUTION = "Choose a smaller network, or a card."


@dataclass(frozen=True, slots=True, eq=False)
class Proven:
    graph: bytes  # model.onnx with its first weights
    pixels: Tensor  # (2, S, S, 3) uint8
    probabilities: Tensor  # (2, K), what the network says of them
    picture_bytes: int  # of memory that a picture of a batch takes while it learns


def free_bytes(device: torch.device) -> int | None:
    """Of the device's own memory; None: it shares the machine's."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else None


def require_size(card: Architecture, free: int) -> None:
    """With so many bytes of memory free. Raises StudioError: it does not fit, or could not be kept. Builds nothing."""
    if card.weights_bytes > MOST_FILE_BYTES:
        raise StudioError(f"{card.title} has {_many(card.parameters)}, more than a model.onnx can hold. {SOLUTION}")
    needed = COPIES * card.weights_bytes
    if needed > MOST_SHARE * free:
        raise StudioError(
            f"{card.title} has {_many(card.parameters)} and takes {needed / 1e9:.1f} GB of memory while it learns; "
            f"{free / 1e9:.1f} GB are free here. {SOLUTION}"
        )


def prove(card: Architecture, recipe: Recipe, labels: int) -> Proven:
    """Builds it, lets it learn a step, and exports it. Raises StudioError with what is in the way."""
    failed = "built"
    try:
        network = build(recipe.architecture, labels, recipe)
        failed = "trained"
        picture_bytes = _learn(network, recipe.side, labels)
        failed = "exported as model.onnx"
        pixels = torch.randint(0, 256, (2, recipe.side, recipe.side, 3), dtype=torch.uint8, generator=_chance(recipe))
        with redirect_stdout(io.StringIO()):  # torch prints a graph that it cannot write, whole
            graph = export(network, recipe, [str(number) for number in range(labels)])
        return Proven(graph, pixels, _said(network, pixels, card.grey), picture_bytes)
    except MemoryError:
        raise
    except Exception as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        pictures = f"pictures of {recipe.side} x {recipe.side}"
        raise StudioError(
            f"{card.title} cannot be {failed} for {pictures}: {said[:160].rstrip('. ')}. "
            "Choose another picture size, or another network."
        ) from error


def fitting_batch(picture_bytes: int, card: Architecture, recipe: Recipe, free: int) -> int:
    """The largest batch, halved as often as needed, that fits into memory. Raises StudioError: not even two do."""
    room = MOST_SHARE * free - COPIES * card.weights_bytes
    batch = recipe.batch_size
    while batch > 2 and batch * picture_bytes > room:
        batch //= 2
    if batch * picture_bytes > room:
        raise StudioError(
            f"{card.title} takes {picture_bytes / 1e9:.1f} GB of memory for each picture of {recipe.side} x "
            f"{recipe.side}; {free / 1e9:.1f} GB are free here. Choose a smaller picture size or network."
        )
    return batch


def _learn(network: Network, side: int, labels: int) -> int:
    """One step without effect; the bytes that a picture keeps in memory for its gradients."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    inputs = torch.zeros(2, 3, side, side)
    with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network.train()(inputs)
        loss = functional.cross_entropy(logits, torch.arange(2) % labels)
        loss.backward()  # type: ignore[no-untyped-call]
    if not bool(loss.isfinite()):
        raise ValueError("its first answer is no number")
    network.zero_grad(set_to_none=True)
    return sum(size for place, size in kept.items() if place not in own) // 2


def _chance(recipe: Recipe) -> torch.Generator:
    return torch.Generator().manual_seed(mix(recipe.seed, 0))


def _said(network: Network, pixels: Tensor, grey: bool) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = network.eval()(as_input(pixels, grey))
        return logits.float().softmax(1)


def _many(parameters: int) -> str:
    billions = parameters / 1e9
    return f"{billions:.1f} billion parameters" if billions >= 1 else f"{parameters / 1e6:.0f} million parameters"
