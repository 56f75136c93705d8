"""Commands that take a model away, show it to others, or bring one here."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from core import datasets, incoming, models, names, packages, shares
from core.commands.answers import Answer, Failed, progress, progress_over, table
from core.commands.training import ready_model
from core.embedded import open_studio
from core.errors import NotFound, Refused
from core.records import Incoming, IncomingState, Model, Package, PackageKind, Share
from core.studio import Studio

POLL_S = 0.2
PIECE_BYTES = 1 << 20
T = TypeVar("T")


# ---- forms ---------------------------------------------------------------------------------------------


def package(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    model = ready_model(studio, wish.model)
    if wish.form is None:
        return _forms(studio, model)
    kind = PackageKind(wish.form)
    packages.want(studio, model.id, kind)
    made = _until(studio, lambda: _asked(studio, model, kind), lambda one: not one.pending, "Being made ...")
    document: dict[str, Any] = {"model": model.id, "form": str(kind), "certificate": made.certificate}
    if made.problem is not None:
        return Failed(document | {"error": made.problem}, made.problem)
    target = _target(wish.destination, packages.download_name(model, kind))
    shutil.copyfile(packages.file(studio, model.id, kind), target)
    document["destination"] = str(target)
    return Answer(document, f"Model {model.id} is in {target}. {packages.words(made)}".strip())


def _forms(studio: Studio, model: Model) -> Answer:
    made = packages.all_of(studio, model.id)
    rows, documents = [], []
    for kind, form in packages.FORMS.items():
        found = made.get(kind)
        state = "not made" if found is None else found.problem or ("being made" if found.pending else "made")
        rows.append([str(kind), form.title, state])
        documents.append({"form": str(kind), "title": form.title, "sentence": form.sentence, "state": state})
    return Answer(documents, table(["form", "", "state"], rows))


def _asked(studio: Studio, model: Model, kind: PackageKind) -> Package:
    """What came of it. Raises NotFound."""
    if (found := packages.all_of(studio, model.id).get(kind)) is None:
        raise NotFound("The model was made anew meanwhile. Ask again.")
    return found


def _target(wished: Path | None, name: str) -> Path:
    if wished is None:
        return Path(name)
    return wished / name if wished.is_dir() else wished


def _until(studio: Studio, look: Callable[[], T], over: Callable[[T], bool], words: str) -> T:
    """Waits for the background processes, which live as long as somebody does."""
    while not over(found := look()):
        studio.services.wake()
        studio.store.services.alive("cli")
        progress(words)
        time.sleep(POLL_S)
    progress_over()
    return found


# ---- links ---------------------------------------------------------------------------------------------


def share(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    if wish.revoke is not None:
        shares.revoke(studio, wish.revoke)
        return Answer({"link": wish.revoke}, f"Link {wish.revoke} leads nowhere from now on.")
    if wish.model is None:
        raise Refused("Say which model to share, or with --revoke which link is to end.", "model")
    model = models.find(studio, wish.model)
    if wish.days is not None:
        made, secret = shares.make(studio, model.id, wish.days)
        link = shares.link(f"http://{studio.settings.address}:{studio.settings.port}", secret)
        words = f"Link {made.id}, until {_when(made.expires_at)}. Keep it now, it is not shown again:\n{link}"
        return Answer(_share(made) | {"address": link}, words)
    found = shares.open_ones(studio, model.id)
    if not found:
        return Answer([], f"No link leads to model {model.id}. Make one with `--days 7`.")
    rows = [[one.id, one.who, _when(one.created_at), _when(one.expires_at), _when(one.used_at)] for one in found]
    return Answer([_share(one) for one in found], table(["link", "who", "made", "ends", "last used"], rows))


def _share(one: Share) -> dict[str, Any]:
    times = {"created": one.created_at, "expires": one.expires_at, "used": one.used_at}
    return {"link": one.id, "model": one.model_id, "who": one.who, **times}


def _when(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") if at is not None else "never"


# ---- from elsewhere ------------------------------------------------------------------------------------


def import_model(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    if wish.path is None:
        found = incoming.latest(studio)
        rows = [[one.id, one.name, one.model_id or "", incoming.sentence(one)] for one in found]
        text = table(["import", "bundle", "model", "state"], rows) if rows else "No model has come from elsewhere."
        return Answer([_incoming(one) for one in found], text)
    if not wish.path.is_file():
        raise NotFound(f"There is no file {wish.path}.")
    here = studio.store.datasets.find(names.clean(wish.dataset)) if wish.dataset else None
    made = incoming.begin(studio, wish.path.name, here.id if here else None, "" if here else wish.dataset)
    incoming.receive(studio, made, _pieces(wish.path))
    over = (IncomingState.DONE, IncomingState.REFUSED)
    made = _until(studio, lambda: incoming.get(studio, made.id), lambda one: one.state in over, "Being read ...")
    if made.model_id is None:
        return Failed(_incoming(made) | {"error": made.problem}, incoming.sentence(made))
    model = models.get(studio, made.model_id)
    dataset = datasets.get(studio, model.dataset_id)
    return Answer(_incoming(made), f"Model {model.id}, for “{dataset.name}”. {models.sentence(model)}")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _incoming(one: Incoming) -> dict[str, Any]:
    return {"import": one.id, "bundle": one.name, "state": str(one.state), "model": one.model_id}
