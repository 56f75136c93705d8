"""Makes the packages that were asked for: one at a time, certified on pictures, refused where they disagree."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import bundles, evaluation, models, packages
from core.errors import NotFound, StudioError
from core.jobs import Worker
from core.packing import page, report, smaller, wrapping
from core.packing.certificates import Certificate, Pixels, ask, certify
from core.ports import Aside
from core.records import Model, Package, PackageKind, Split
from core.stores import Where
from core.studio import Studio

SIDE = 224  # px; what every graph of ours takes in one step
EDGE = 0.15  # of the side
MOST = 200  # held-out pictures that a form is asked about
LEAST_AGREEMENT = {
    PackageKind.PAGE: 1.0,
    PackageKind.TORCH: 0.99,  # the same sums in another order: where two labels are level, either may come first
    PackageKind.TIMM: 0.99,
    PackageKind.HALF: 0.98,
    PackageKind.BYTE: 0.9,
}
# Of a form that is to be the same; a smaller one says what it costs.
MOST_DIFFERENCE = {PackageKind.PAGE: 1e-6, PackageKind.TORCH: 1e-3, PackageKind.TIMM: 1e-3}


def _pdf(studio: Studio, model: Model) -> bytes:
    from core.packing import pdf  # its fonts take a second to load, which every survey would wait for

    return pdf.write(studio, model)


SAYS_NOTHING = {PackageKind.REPORT: report.write, PackageKind.PDF: _pdf}  # forms that answer no picture
UNFORESEEN = "This could not be made. The model is safe; the surveyor's log on the System page says why."
NOT_KEPT = (
    "Too few of the model's held-out pictures are kept, so nobody can say that this form answers as the model does."
)

log = logging.getLogger("surveyor")


@dataclass(frozen=True, slots=True, eq=False)
class Witnesses:
    """Held-out pictures to ask both forms about, and their labels' places."""

    pictures: Sequence[Pixels]
    targets: NDArray[np.int64]


class Packer(Worker):
    """One package at a time. `aside` has torch."""

    def __init__(self, studio: Studio, aside: Aside, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(log, UNFORESEEN, clock)
        self._studio, self._store, self._aside = studio, studio.store.packages, aside

    def tick(self) -> bool:
        asked = next(iter(self._store.due()), None)
        if asked is None:
            return False
        self._store.begin(asked)
        self._do(
            f"model {asked.model_id}: {asked.kind}",
            lambda _tell: make(self._studio, self._aside, asked),
            lambda found, _seconds: self._store.put(asked, found.as_dict() if found else {}),
            lambda problem: self._store.fail(asked, problem),
        )
        return True


def make(studio: Studio, aside: Aside, asked: Package) -> Certificate | None:
    """Makes the file and puts it where it belongs; gives its certificate, None for a form that answers nothing.

    Raises:
        StudioError: it disagrees with the model, or the model is gone.
    """
    model = models.get(studio, asked.model_id)
    folder = studio.files.model(asked.folder)
    graph = _graph(folder)
    if (told := SAYS_NOTHING.get(asked.kind)) is not None:
        _put(studio, asked, told(studio, model))
        return None
    with_torch = asked.kind in wrapping.FORMS
    witnesses = held_out(studio, model, _side(folder) if with_torch else None)
    reference = ask(graph, witnesses.pictures)
    if with_torch:
        content, other = wrapping.make(aside, asked.kind, folder, witnesses.pictures)
    else:
        content, answering = _form(studio, asked.kind, model, graph)
        other = reference if answering is graph else ask(answering, witnesses.pictures)
    found = certify(reference, other, witnesses.targets, (len(graph), len(content)))
    require(asked.kind, found)
    _put(studio, asked, content)
    return found


def require(kind: PackageKind, found: Certificate) -> None:
    """Raises StudioError where the form is not near enough to the model to be offered."""
    if found.agreement < LEAST_AGREEMENT[kind] or found.difference > MOST_DIFFERENCE.get(kind, 1.0):
        raise StudioError(
            f"This form answers differently from the model on {round((1 - found.agreement) * found.pictures):,} of "
            f"{found.pictures:,} held-out pictures, so it is not offered."
        )


def held_out(studio: Studio, model: Model, side: int | None = None) -> Witnesses:
    """Up to 200 pictures of its record of scores, evenly, as it has not learned them.

    Args:
        side: px that each is to have exactly, for forms that take no others.

    Raises:
        StudioError: too few.
    """
    held = evaluation.held_out(studio, model)
    rows = np.unique(np.linspace(0, len(held.targets) - 1, min(MOST, len(held.targets))).round().astype(int))
    ids = tuple(int(held.image_ids[row]) for row in rows)
    found = {one.id: one for one in studio.store.images.page(model.dataset_id, Where(ids=ids), 0, len(ids))}
    known = [(found[one].sha256, held.targets[row]) for one, row in zip(ids, rows, strict=True) if one in found]
    learned = model.measured_on == "cross-validation"
    decoded = dict(
        studio.decoder.resized(
            [studio.files.picture(sha256) for sha256, _ in known], _wide(side) if side and learned else side or SIDE
        )
    )
    kept = [at for at in range(len(known)) if decoded.get(at) is not None]
    if len(kept) < 2:
        raise StudioError(NOT_KEPT)
    pictures = [pixels for at in kept if (pixels := decoded[at]) is not None]
    if learned:
        pictures = [unfamiliar(pixels) for pixels in pictures]
    return Witnesses(pictures, np.array([known[at][1] for at in kept], np.int64))


def unfamiliar(pixels: Pixels) -> Pixels:
    """The middle of a picture, mirrored. A model that has learned all its pictures is so sure of them that forms which
    answer differently would still agree."""
    edge = round(pixels.shape[0] * EDGE)
    return np.ascontiguousarray(pixels[edge:-edge, -edge:edge:-1])


def _wide(side: int) -> int:
    """The side of a picture whose middle, as `unfamiliar` has it, is `side` wide."""
    return next(wide for wide in range(side, 2 * side) if wide - 2 * round(wide * EDGE) == side)


def _side(folder: Path) -> int:
    """px of what its network sees."""
    return int(bundles.read_manifest(folder).get("recipe", {}).get("side", SIDE))


def _graph(folder: Path) -> bytes:
    try:
        return (folder / "model.onnx").read_bytes()
    except OSError:
        raise NotFound("The model was made anew meanwhile, or its files are gone. Ask again.") from None


def _form(studio: Studio, kind: PackageKind, model: Model, graph: bytes) -> tuple[bytes, bytes]:
    """(content of the file, the graph that answers in it)."""
    if kind is PackageKind.PAGE:
        doubt = page.doubt_of(model, models.folder(studio, model))
        return page.write(graph, model.dataset, models.sentence(model), list(model.labels), doubt), graph
    content = smaller.half(graph) if kind is PackageKind.HALF else smaller.byte(graph, _learned(studio, model))
    return content, content


def _learned(studio: Studio, model: Model) -> list[Pixels]:
    """Pictures the model may have learned from, mixed; never one kept for testing."""
    rows = studio.store.images.page(model.dataset_id, Where(order="mixed"), 0, 2 * smaller.CALIBRATION)
    kept = [studio.files.picture(one.sha256) for one in rows if one.split is not Split.TEST][: smaller.CALIBRATION]
    return [pixels for _, pixels in studio.decoder.resized(kept, SIDE) if pixels is not None]


def _put(studio: Studio, asked: Package, content: bytes) -> None:
    place = packages.place(studio, asked)
    studio.files.require_room(len(content))
    if not place.parents[1].is_dir():
        raise NotFound("The model was made anew meanwhile, or its files are gone. Ask again.")
    place.parent.mkdir(exist_ok=True)
    studio.files.write(place, content)
