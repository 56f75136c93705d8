"""The model card: what a model is, how good it is and where not to trust it, in Markdown with the fields of hubs.

Fields: Mitchell et al. 2019, "Model Cards for Model Reporting", and the front matter that Hugging Face reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from core.scores import LabelScore
from core.words import share, too_few

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$])")


def card(manifest: Mapping[str, Any], library: str = "onnx") -> str:
    """Of a model, from its model.json. Names are data: nothing in them becomes markup.

    Args:
        library: what hubs are told to load it with.
    """
    labels = [str(label) for label in manifest.get("labels", ())]
    name = f"{manifest.get('dataset', 'model')}, {manifest.get('kind', 'model')}"
    accuracy, interval, counted = manifest.get("accuracy"), manifest.get("interval"), manifest.get("measured_n", 0)
    parts = [
        _front(manifest, name, library),
        f"# {_text(name)}\n",
        "Says which of its labels a picture shows. Made with Darkroom.\n",
        "## Labels\n",
        ", ".join(_text(label) for label in labels) + ".\n",
    ]
    if accuracy is not None and interval is not None:
        parts += [
            "## How good it is\n",
            f"{_right(accuracy, counted)} (95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %), "
            f"measured on {counted:,} pictures: {_text(str(manifest.get('measured_on', '')))}.\n",
            *_labels(manifest),
        ]
    parts += [
        "## Limits\n",
        "It chooses one of its labels for every picture, also for one that shows none of them. Pictures from another "
        "camera, place or time than those it learned from may be answered worse than the figures above say. It was not "
        "examined for decisions about people.\n",
        "## How it was made\n",
        f"Architecture {_text(str(manifest.get('architecture', '')))}; "
        f"{manifest.get('summary', {}).get('pictures', 0):,} pictures. The recipe, every setting of it, is in "
        "`model.json`.\n",
    ]
    return "\n".join(parts)


def _front(manifest: Mapping[str, Any], name: str, library: str) -> str:
    """JSON is YAML, so no name can break out of its field."""

    def said(value: Any) -> str:
        return json.dumps(value, ensure_ascii=True)

    lines = [
        "---",
        "pipeline_tag: image-classification",
        f"library_name: {library}",
        "tags: [image-classification, darkroom]",
    ]
    accuracy = manifest.get("accuracy")
    if accuracy is not None and not too_few(manifest.get("measured_n", 0)):  # hubs make a percentage of it
        lines += [
            "model-index:",
            f"  - name: {said(name)}",
            "    results:",
            "      - task: {type: image-classification}",
            f"        dataset: {{name: {said(str(manifest.get('dataset', '')))}, type: imagefolder}}",
            f"        metrics: [{{type: accuracy, value: {accuracy:.4f}}}]",
        ]
    return "\n".join([*lines, "---", ""])


def _right(accuracy: float, counted: int) -> str:
    said = share(accuracy, counted)
    return f"{said} right, too few to say how good it is" if too_few(counted) else f"Accuracy {said}"


def _labels(manifest: Mapping[str, Any]) -> list[str]:
    rows = manifest.get("summary", {}).get("labels", [])
    if not rows:
        return []
    said = [
        f"| {_text(it.label)} | {it.images:,} | {share(it.recall, it.images)} | {share(it.precision, it.called)} |"
        for it in (LabelScore(**row) for row in rows)
    ]
    head = ["| Label | Pictures | Found (recall) | Right when it says so (precision) |", "|---|---|---|---|"]
    return ["\n".join([*head, *said]) + "\n"]


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
