"""Packages: a model in a form to take away, made in the background and measured before it is offered.

The process that makes them is `core.surveyor`, by `core.packing`; a package lies in the model's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core import models
from core.errors import NotFound
from core.records import Model, Package, PackageKind
from core.studio import Studio
from core.words import too_few

FOLDER = "packages"
NOTHING = 1e-6  # of a probability: rounding
QUICKER = 1.1  # times; less is noise


@dataclass(frozen=True, slots=True)
class Form:
    """What a kind of package is."""

    title: str
    sentence: str  # what it is good for
    ending: str  # of its file, after the model's name
    media_type: str


FORMS: dict[PackageKind, Form] = {
    PackageKind.PAGE: Form(
        "One page that runs it",
        "A single HTML file with the model inside. It answers in any browser, from the camera too, without a network, "
        "and says when it does not know.",
        ".html",
        "text/html",
    ),
    PackageKind.HALF: Form(
        "Half the size",
        "model.onnx with weights of 16 bits, for ONNX Runtime.",
        "-fp16.onnx",
        "application/octet-stream",
    ),
    PackageKind.BYTE: Form(
        "A quarter of the size",
        "model.onnx computed in 8 bits: smaller and quicker on processors, at some cost in accuracy.",
        "-int8.onnx",
        "application/octet-stream",
    ),
    PackageKind.TORCH: Form(
        "For PyTorch",
        "A program of torch.export with its labels and an example. It needs PyTorch and nothing of Darkroom.",
        "-torch.zip",
        "application/zip",
    ),
    PackageKind.TIMM: Form(
        "For timm",
        "Weights as safetensors in a folder that timm.create_model loads; a network that timm does not know brings "
        "the few lines that do.",
        "-timm.zip",
        "application/zip",
    ),
    PackageKind.REPORT: Form(
        "Report",
        "One page for people who decide: what it does, how good and how sure, where it fails.",
        "-report.html",
        "text/html",
    ),
    PackageKind.PDF: Form(
        "Report as a PDF",
        "The same facts on two sheets of paper, to hand around and to print.",
        "-report.pdf",
        "application/pdf",
    ),
}


def want(studio: Studio, model_id: int, kind: PackageKind) -> Package:
    """Asks for one; where it is there already, this is it. Raises NotFound."""
    models.folder(studio, models.get(studio, model_id))
    found = all_of(studio, model_id).get(kind)
    gone = found is not None and found.at is not None and size(studio, found) is None
    asked = studio.store.packages.want(model_id, kind, anew=gone)
    if asked.pending:
        studio.services.wake()
    return asked


def all_of(studio: Studio, model_id: int) -> dict[PackageKind, Package]:
    """What was asked for of the model as it is now."""
    return {package.kind: package for package in studio.store.packages.all(model_id)}


def place(studio: Studio, package: Package) -> Path:
    """Where its file is, or will be."""
    return studio.files.model(package.folder) / FOLDER / f"{package.kind}{FORMS[package.kind].ending}"


def size(studio: Studio, package: Package) -> int | None:
    """Bytes of its file; None where it is gone."""
    try:
        return place(studio, package).stat().st_size
    except OSError:
        return None


def file(studio: Studio, model_id: int, kind: PackageKind) -> Path:
    """A finished package. Raises NotFound with what to do."""
    found = all_of(studio, model_id).get(kind)
    path = place(studio, found) if found is not None and found.at is not None else None
    if path is None or not path.is_file():
        raise NotFound("That is not made yet. Ask for it on the model's page.")
    return path


def download_name(model: Model, kind: PackageKind) -> str:
    return models.download_name(model) + FORMS[kind].ending


def words(package: Package) -> str:
    """The certificate in one sentence; empty for a form that answers nothing."""
    found = package.certificate
    if not found:
        return ""
    pictures, size = int(found["pictures"]), found["bytes"] / found["reference_bytes"]
    agreed = round(found["agreement"] * pictures)
    said = f"Says the same as the model on {agreed:,} of {pictures:,} pictures; "
    if found["difference"] < NOTHING:
        return said + "no probability differs."
    said += f"no probability differs by more than {100 * found['difference']:.2g} points. "
    lost = round(100 * (found["reference_accuracy"] - found["accuracy"]), 1)
    cost = f"Costs {lost:.1f} points of accuracy on them" if lost > 0 else "Costs no accuracy on them"
    if too_few(pictures) and lost > 0:
        fewer = round((found["reference_accuracy"] - found["accuracy"]) * pictures)
        cost = f"Gets {fewer} fewer of them right"
    speed = found["reference_milliseconds"] / found["milliseconds"]
    quick = f"{speed:.1f} times as quick here" if speed >= QUICKER else "no quicker here"
    return f"{said}{cost}; {100 * size:.0f} % of the size, {quick}."
