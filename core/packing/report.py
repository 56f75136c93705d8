"""The report: what people who decide want to know of a model, gathered once and set as one HTML page or as a PDF.

The page has its pictures inside and needs nothing else; the PDF is set by `core.packing.pdf`.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from string import Template

from core import evaluation, judgements, models
from core.errors import NotFound
from core.records import Image, Model
from core.scores import LabelScore
from core.stores import Where
from core.studio import Studio
from core.words import count, share

TEMPLATE = Path(__file__).with_name("report.html")
MOST_PICTURES = 12  # of each sheet
MOST_LABELS = 400  # rows; the least found first
HEAD = ("Label", "Pictures", "Found", "Right when it says so")


@dataclass(frozen=True, slots=True)
class Print:
    """A picture with what is written below it."""

    image: Image
    label: str
    said: str = ""  # of a mistake: what the model called it
    confidence: float = 0.0  # 0..1, in that

    @property
    def words(self) -> str:
        return f"{self.label}, taken for {self.said} ({100 * self.confidence:.0f} %)" if self.said else self.label


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    made: str
    accuracy: float  # 0..1
    figure: str  # the same in a word
    interval: tuple[float, float]
    sentences: tuple[str, ...]  # how good it is, what it mixes up
    examples: tuple[Print, ...]
    labels: tuple[tuple[str, ...], ...]  # as HEAD says
    left_out: int  # labels that have no row
    failing: str
    mistakes: tuple[Print, ...]
    facts: Mapping[str, str]


def gather(studio: Studio, model: Model, most_labels: int = MOST_LABELS) -> Report:
    """Raises NotFound when the model has no scores on disk."""
    scored, wrong = evaluation.score(studio, model), evaluation.mistakes(studio, model, MOST_PICTURES)
    missed = scored.images - sum(row[at] for at, row in enumerate(scored.confusion))
    labels = scored.labels
    if len(labels) > most_labels:
        labels = tuple(sorted(labels, key=lambda one: 1.0 if one.recall is None else one.recall)[:most_labels])
    return Report(
        title=model.dataset,
        made=time.strftime("A picture classifier, made on %d %B %Y with Darkroom.", time.gmtime(model.created_at)),
        accuracy=model.accuracy,
        figure=share(model.accuracy, model.measured_n),
        interval=model.interval,
        sentences=(models.sentence(model), judgements.mixed_up(scored) or "It mixed up no two labels."),
        examples=tuple(Print(image, image.label or "") for image in _examples(studio, model)),
        labels=tuple(_row(one) for one in labels),
        left_out=len(scored.labels) - len(labels),
        failing=_failing(missed, scored.images, len(wrong)),
        mistakes=tuple(Print(one.image, one.true, one.predicted, one.confidence) for one in wrong),
        facts=_facts(studio, model),
    )


def write(studio: Studio, model: Model) -> bytes:
    """The page. Raises NotFound when the model has no scores on disk."""
    told = gather(studio, model)
    low, high = told.interval
    values = {
        "title": escape(told.title),
        "made": escape(told.made),
        "accuracy": told.figure,
        "low": f"{100 * low:.2f}",
        "high": f"{100 * (1 - high):.2f}",
        "middle": f"{100 * told.accuracy:.2f}",
        "sentences": "".join(f"<p>{escape(one)}</p>" for one in told.sentences),
        "examples": "".join(_print(studio, one) for one in told.examples),
        "head": "".join(f"<th>{name}</th>" for name in HEAD),
        "labels": _rows(told.labels),
        "left_out": escape(left_out(told)),
        "failing": escape(told.failing),
        "mistakes": "".join(_print(studio, one) for one in told.mistakes),
        "facts": _rows(told.facts.items()),
    }
    return Template(TEMPLATE.read_text("utf-8")).substitute(values).encode()


def left_out(told: Report) -> str:
    """Which labels the table does not show, in a sentence; empty where it shows all."""
    if not told.left_out:
        return ""
    return f"The {len(told.labels):,} least found ones; {count(told.left_out, 'more label')} did better."


def _row(one: LabelScore) -> tuple[str, ...]:
    return one.label, f"{one.images:,}", share(one.recall, one.images), share(one.precision, one.called)


def _failing(missed: int, total: int, shown: int) -> str:
    if not missed:
        return f"It was right about all {total:,} pictures. Pictures from elsewhere will find its limits."
    return f"{missed:,} of {total:,} pictures were answered wrongly. These {shown:,} it was surest about:"


def _examples(studio: Studio, model: Model) -> list[Image]:
    """A picture of each label, of the first dozen."""
    wanted = [label for label in studio.store.datasets.labels(model.dataset_id) if label.name in model.labels]
    pages = (
        studio.store.images.page(model.dataset_id, Where(label_id=label.id, order="oldest"), 0, 1)
        for label in wanted[:MOST_PICTURES]
    )
    return [image for page in pages for image in page]


def _facts(studio: Studio, model: Model) -> dict[str, str]:
    facts = {
        "Architecture": model.architecture,
        "Labels": f"{len(model.labels):,}",
        "Measured": models.measured_words(model),
        "ONNX Runtime": version("onnxruntime"),
    }
    if model.version_id is not None:
        frozen = studio.store.versions.get(model.version_id)
        facts["Pictures"] = f"{frozen.images:,}, version {frozen.id} ({frozen.content_hash[:12]})"
    try:
        recipe = models.manifest(studio, model).get("recipe", {})
    except NotFound:
        recipe = {}
    return facts | {str(key).replace("_", " ").capitalize(): str(value) for key, value in recipe.items()}


def _rows(rows: Iterable[Iterable[str]]) -> str:
    return "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)


def _print(studio: Studio, one: Print) -> str:
    try:
        content = base64.b64encode(studio.files.thumb(one.image.sha256).read_bytes()).decode()
    except OSError:
        return ""  # not drawn yet
    return (
        f'<figure><img src="data:image/webp;base64,{content}" alt="{escape(one.words, quote=True)}">'
        f"<figcaption>{escape(one.words)}</figcaption></figure>"
    )
