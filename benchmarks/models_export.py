"""Every form of a model against the model: agreement and largest difference on held-out pictures, size, latency.

On each open set: the instant model of all its pictures, as the product makes it, and the forms as the product makes
them, those for PyTorch in their own process. A form that is refused is named with the reason.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import worlds
from core import packages, uploads
from core.embedded import open_studio
from core.index.fitting import fit_dataset
from core.indexer import Indexer
from core.packing.packer import Packer
from core.records import Model, PackageKind
from core.running.aside import LocalAside
from core.settings import read_settings
from core.studio import Studio

SETS = (
    "caltech20",
    "clothing10_split",
    "demo_clothes4",
    "digits_mnist",
    "digits_usps",
    "omniglot50",
    "quirky_real",
    "signdigits10",
    "trash5",
)
FORMS = tuple(kind for kind in packages.FORMS if kind not in (PackageKind.REPORT, PackageKind.PDF))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    parser.add_argument("--pictures", type=int, default=400, help="of each set, at most; half as many are held out")
    parser.add_argument("--forms", nargs="+", default=[str(kind) for kind in FORMS], metavar="FORM")


class Alone:
    """Services that start nothing: a surveyor would make the same forms beside us, and outlive the benchmark."""

    def wake(self) -> None: ...
    def expect_training(self) -> None: ...


def run(wish: argparse.Namespace) -> None:
    print(
        "set, form: held-out pictures, agreement, largest difference, accuracy of model -> form, size of both, latency"
    )
    for name in wish.sets:
        with tempfile.TemporaryDirectory() as scratch:
            one(name, Path(scratch), wish.pictures, [PackageKind(form) for form in wish.forms])


def one(name: str, scratch: Path, most: int, forms: list[PackageKind]) -> None:
    home = scratch / "home"
    studio = replace(open_studio(read_settings({"DARKROOM_HOME": str(home)})), services=Alone())
    try:
        model = learned(studio, thinned(worlds.unpack(name, scratch), most))
        if model is None:
            print(f"{name:17} no model: it has fewer than two labels with two pictures")
            return
        packer = Packer(studio, LocalAside(studio.settings))
        for kind in forms:
            began_s = time.perf_counter()
            packages.want(studio, model.id, kind)
            packer.tick()
            told(name, packages.all_of(studio, model.id)[kind].problem, kind, studio, model, began_s)
    finally:
        studio.decoder.close()


def thinned(folder: Path, most: int) -> Path:
    """At most so many pictures, evenly of what there is."""
    paths = worlds.pictures(folder)
    kept = set(paths[:: max(1, -(-len(paths) // most))])
    for path in paths:
        if path not in kept:
            path.unlink()
    return folder


def learned(studio: Studio, folder: Path) -> Model | None:
    """The instant model, made here by the indexer's own rounds."""
    dataset = uploads.import_path(studio, folder, "set").dataset
    if dataset is None:
        return None
    indexer = Indexer(studio)
    while studio.store.vectors.todo_count(dataset.id):
        indexer.tick()
    return fit_dataset(studio, studio.store.datasets.get(dataset.id), studio.settings.backbone_path.read_bytes())


def told(name: str, problem: str | None, kind: PackageKind, studio: Studio, model: Model, began_s: float) -> None:
    seconds = time.perf_counter() - began_s
    if problem is not None:
        print(f"{name:17} {kind:6} refused after {seconds:.0f} s: {problem}", flush=True)
        return
    found = packages.all_of(studio, model.id)[kind].certificate
    print(
        f"{name:17} {kind:6} {found['pictures']:8} {100 * found['agreement']:7.1f} % {found['difference']:10.1e} "
        f"{100 * found['reference_accuracy']:6.1f} -> {100 * found['accuracy']:5.1f} "
        f"{found['bytes'] / 1e6:6.1f} / {found['reference_bytes'] / 1e6:4.1f} MB "
        f"{found['milliseconds'] / found['reference_milliseconds']:.2f} x of {found['reference_milliseconds']:.0f} ms, "
        f"made in {seconds:.0f} s",
        flush=True,
    )
