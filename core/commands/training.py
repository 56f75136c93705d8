"""Commands about runs and models."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core import architectures, catalogue, caution, datasets, estimates, layouts, models, recipe, runs, weights
from core.architectures import Architecture
from core.commands.answers import Answer, Failed, progress, progress_over, table
from core.embedded import open_studio
from core.errors import NotFound, Refused, StudioError, Unavailable
from core.records import Begin, Choice, Hold, Model, Run, RunState, TrainingSpec, Verdict
from core.studio import Studio
from core.words import floored, share_of

POLL_S = 0.2
INSTANT_WAIT_S = 900.0  # for an instant model that is still being made


# ---- runs ----


def list_runs(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    if wish.run:
        run = runs.find(studio, wish.run)
        return Answer(document(studio, run), _sentence(studio, run))
    found = runs.all_of(studio)
    if not found:
        return Answer([], "No run yet. `python -m core train DATASET` starts one.")
    documents = [document(studio, run) for run in found]
    rows = [[d["run"], d["dataset"], d["architecture"], d["state"], f"{d['epoch']}/{d['epochs']}"] for d in documents]
    return Answer(documents, table(["run", "dataset", "architecture", "state", "epochs"], rows))


def train(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    run = _longer(studio, wish) if wish.origin else _start(studio, wish)
    if wish.wait:
        run = _until_over(studio, run)
        if run.state is not RunState.SUCCEEDED:
            return Failed(document(studio, run), _sentence(studio, run))
    return Answer(document(studio, run), _sentence(studio, run))


def _start(studio: Studio, wish: argparse.Namespace) -> Run:
    if not wish.dataset:
        raise Refused("Say which dataset to train on, or with --from which run to train longer.", "dataset")
    dataset = datasets.find(studio, wish.dataset)
    overrides = dict(_override(text) for text in wish.set)
    spec = TrainingSpec(wish.architecture, wish.epochs, overrides)
    card = architectures.get(spec.architecture)
    if not weights.at_hand(studio.files, card):
        if not wish.weights:
            raise Refused(_unanswered(studio, card), "weights")
        spec = weights.chosen(spec, Choice(wish.weights))
    return runs.start(studio, dataset.id, spec.architecture, spec.epochs, spec.overrides, fetch=spec.fetch)


def _unanswered(studio: Studio, card: Architecture) -> str:
    """What a person can say instead, and where the file would have to lie."""
    folder = studio.files.weights(f"{card.name}{weights.ENDINGS[0]}").parent
    ways = {
        Choice.DOWNLOAD: f"--weights download (fetches {weights.megabytes(card)} from {weights.host(studio.settings)})",
        Choice.SCRATCH: "--weights scratch (begins with nothing)",
        Choice.PACKAGED: f"--weights packaged (trains {architectures.PACKAGED} instead)",
    }
    said = ", or ".join(ways[choice] for choice in weights.choices(studio.settings, card))
    return f"{weights.missing(card)} Say {said}, or put the file into {folder}."


def answer(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    run = runs.answer(studio, runs.find(studio, wish.run).id, Choice(wish.choice))
    return Answer(document(studio, run), _sentence(studio, run))


def list_architectures(wish: argparse.Namespace) -> Answer:
    """The cards; with words, every network of timm's that they fit, with its weights and their licences."""
    words = " ".join(wish.words)
    if not words:
        cards = list(architectures.ARCHITECTURES)
    else:
        cards = [architectures.get(name) for name in catalogue.search(words)]
    if not cards:
        raise NotFound(f"No network of timm's is called anything like “{words}”.")
    files = open_studio().files
    documents: list[dict[str, Any]] = [
        {
            "architecture": card.name,
            "parameters": card.parameters,
            "side": card.side,
            "pretrained": card.pretrained,
            "at_hand": weights.at_hand(files, card),
            "licence": card.licence,
        }
        for card in cards
    ]
    rows = [
        [d["architecture"], f"{d['parameters'] / 1e6:.1f} M", f"{d['side']} px", _begins(d), d["licence"]]
        for d in documents
    ]
    return Answer(documents, table(["architecture", "parameters", "pictures", "begins", "licence"], rows))


def _begins(document: dict[str, Any]) -> str:
    if not document["pretrained"]:
        return "from scratch"
    return "pretrained" if document["at_hand"] else "pretrained, not here"


def _longer(studio: Studio, wish: argparse.Namespace) -> Run:
    """`train --from RUN`: its pictures and settings, more epochs."""
    if wish.dataset or wish.set:
        raise Refused(
            "With --from the run's own pictures and settings are used; give neither DATASET nor --set.", "from"
        )
    parent = runs.find(studio, wish.origin)
    places = runs.begins(studio, parent)
    begin = Begin(wish.begin) if wish.begin else places[0] if places else Begin.END
    return runs.longer(studio, parent.id, wish.epochs, begin)


def _until_over(studio: Studio, run: Run) -> Run:
    while not run.state.final and run.state is not RunState.PAUSED:
        studio.services.wake()
        studio.store.services.alive("cli")
        progress(_sentence(studio, run))
        for _ in range(10):
            time.sleep(POLL_S)
            run = runs.get(studio, run.id)
            if run.state.final:
                break
    progress_over()
    return run


def _override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise Refused(f"--set wants KEY=VALUE, but got “{text}”.", "setting")
    return key.strip(), recipe.parse_override(key.strip(), value.strip())


def document(studio: Studio, run: Run) -> dict[str, Any]:
    turn = estimates.turn(studio, run)
    return {
        "run": run.id,
        "dataset": studio.store.datasets.get(run.dataset_id).name,
        "architecture": run.spec.architecture,
        "state": str(run.state),
        "epoch": run.epoch,
        "epochs": run.spec.epochs,
        "model": run.model_id,
        "error": run.error,
        "owner": run.owner,
        "priority": run.priority,
        "parent": run.parent_id,
        "begin": run.spec.begin,
        "waits_for": run.hold,
        "before": turn.before if turn else None,
        "starts_in_s": round(turn.starts_in_s, 1) if turn else None,
    }


def _sentence(studio: Studio, run: Run) -> str:
    said = f"Run {run.id}, {run.name}: {runs.word(run)}"
    if (turn := estimates.turn(studio, run)) is not None:
        return f"{said}. {estimates.sentence(turn)}"
    if run.state is RunState.RUNNING:
        return f"{said}, epoch {run.epoch} of {run.spec.epochs}, step {run.step:,} of {run.total_steps:,}."
    if run.hold is Hold.ANSWER:
        card = architectures.get(run.spec.architecture)
        ways = " or ".join(f"`answer {run.id} {choice}`" for choice in weights.choices(studio.settings, card))
        return f"{said}. {run.error} Say {ways}."
    if run.error:
        return f"{said}. {run.error}"
    if run.model_id is not None:
        model = models.get(studio, run.model_id)
        return f"{said}. Model {model.id}: {models.sentence(model)}"
    return f"{said}."


# ---- models ----


def list_models(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    if wish.model:
        model = models.find(studio, wish.model)
        if wish.answer is not None:
            model = models.answer(studio, model.id, wish.answer / 100)
        text = f"Model {model.id}. {models.sentence(model)} {caution.sentence(model)}".strip()
        return Answer(_model(model) | {"summary": model.summary}, text)
    if wish.answer is not None:
        raise Refused("Which model shall answer so many pictures? Name it.", "model")
    found = models.all_of(studio)
    if not found:
        return Answer([], "No model yet. A dataset with two labels gets its instant model by itself.")
    rows = [[m.id, m.dataset, str(m.kind), m.architecture, share_of(m.accuracy, m.measured_n, 1)] for m in found]
    text = table(["id", "dataset", "kind", "architecture", "accuracy"], rows)
    return Answer([_model(model) for model in found], text)


def predict(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    model = ready_model(studio, wish.model)
    pictures = list(_pictures(wish.paths))
    if not pictures:
        raise NotFound("There is no picture to look at. Give picture files, or folders that hold some.")
    document = [_prediction(studio, model, path, len(pictures) > 1) for path in pictures]
    lines = [_line(one) for one in document]
    if any("error" in one for one in document):
        return Failed(document, "\n".join(lines))
    return Answer(document, "\n".join(lines))


def export(wish: argparse.Namespace) -> Answer:
    studio = open_studio()
    model = ready_model(studio, wish.model)
    folder, target = models.folder(studio, model), wish.destination
    if target.suffix == ".zip":
        with target.open("wb") as out:
            out.writelines(models.bundle_zip(studio, model.id))
    elif target.suffix == ".onnx":
        shutil.copyfile(folder / "model.onnx", target)
    else:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise Refused(f"{target} is there already and not empty. Choose a new folder.", "exists")
        shutil.copytree(folder, target, dirs_exist_ok=True)
        (target / "model.json").write_bytes(models.told(studio, model))
    document = {"model": model.id, "destination": str(target), "kind": str(model.kind)}
    return Answer(document, f"Model {model.id} is in {target}.")


def ready_model(studio: Studio, text: str) -> Model:
    """The model; one that is just being made is waited for."""
    studio.services.wake()
    ends_at = time.monotonic() + INSTANT_WAIT_S
    name = text.rpartition("/")[0]
    while name and text.endswith(("/instant", "/best")):
        instant = models.instant(studio, datasets.find(studio, name).id)
        if instant.state not in ("indexing", "fitting"):
            break
        if time.monotonic() > ends_at:
            raise Unavailable("The instant model is not ready after a quarter of an hour. `python -m core doctor`?")
        studio.store.services.alive("cli")
        progress(instant.sentence)
        time.sleep(POLL_S)
    progress_over()
    return models.find(studio, text)


def _pictures(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            yield from (
                f
                for f in inside
                if not layouts.is_system(str(f.relative_to(path))) and not layouts.is_side_file(f.name)
            )
        else:
            yield path


def _prediction(studio: Studio, model: Model, path: Path, one_of_many: bool) -> dict[str, Any]:
    try:
        if not path.exists():
            raise NotFound(f"There is no file {path}.")
        answer = studio.predictor.predict(model, path.absolute(), neighbours=0, heat=False)
    except StudioError as error:
        if isinstance(error, Unavailable) or not one_of_many:
            raise
        return {"path": str(path), "ranked": [], "milliseconds": 0.0, "error": str(error)}
    ranked = [{"label": one.label, "confidence": round(one.confidence, 6)} for one in answer.ranked]
    said = {"verdict": str(answer.verdict), "familiarity": answer.familiarity}
    return {"path": str(path), "ranked": ranked, "milliseconds": round(answer.milliseconds, 1), **said}


def _line(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"{one['path']}: {one['error']}"
    first = one["ranked"][0]
    best = f"{first['label']} ({floored(first['confidence'], 1)})"
    doubt = caution.said(Verdict(one["verdict"]))
    return f"{one['path']}: {doubt} Nearest: {best}" if doubt else f"{one['path']}: {best}"


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "dataset": model.dataset,
        "kind": str(model.kind),
        "architecture": model.architecture,
        "accuracy": model.accuracy,
        "interval": list(model.interval),
        "measured_on": model.measured_on,
        "pictures": model.measured_n,
        "labels": list(model.labels),
        "created": model.created_at,
        "run": model.run_id,
        "answer_share": model.answer_share,
        "caution": caution.sentence(model),
    }
