"""What a model.json from elsewhere says, taken over field by field: whatever is not asked for here is left behind.

Nothing of it is believed further than it is checked: names are data, numbers are numbers within their range.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from core import architectures, caution, names
from core import recipe as recipes
from core.architectures import PACKAGED
from core.bundles import FORMAT
from core.errors import NotFound, Refused
from core.records import ModelKind

MOST_LABELS = 5000
MOST_COUNT = 10**9
KINDS = (ModelKind.INSTANT, ModelKind.TRAINED)
MEASURED_ON = ("cross-validation", "validation", "test")


def parse(content: bytes) -> dict[str, Any]:
    """A JSON object with nothing in it that is no JSON. Raises Refused."""
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError, MemoryError):
        raise refused("model.json is no JSON that can be read.") from None
    if not isinstance(found, dict):
        raise refused("model.json does not describe a model.")
    return found


def _no_number(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def refused(what: str) -> Refused:
    return Refused(f"{what} Nothing was imported.", "bundle")


def checked(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is taken over, in the words of model.json. Raises Refused with the first thing that cannot be."""
    if told.get("format") != FORMAT:
        raise refused(f"The bundle is of format {_short(told.get('format'))}; this Darkroom reads format {FORMAT}.")
    kind = told.get("kind")
    if kind not in KINDS:
        raise refused(f"The bundle is of a kind that nobody knows: {_short(kind)}.")
    labels = _labels(told.get("labels"))
    architecture = _architecture(told.get("architecture"), kind)
    accuracy, interval = _share(told.get("accuracy"), "accuracy"), told.get("interval")
    if not isinstance(interval, list) or len(interval) != 2:
        raise refused("model.json says no interval for its accuracy.")
    low, high = (_share(one, "interval") for one in interval)
    if not low <= accuracy <= high:
        raise refused("model.json says an accuracy outside of its own interval.")
    if told.get("measured_on") not in MEASURED_ON:
        raise refused("model.json does not say on what it was measured.")
    found = {
        "dataset": _name(told.get("dataset"), "dataset"),
        "kind": str(kind),
        "architecture": architecture,
        "labels": labels,
        "accuracy": accuracy,
        "interval": [low, high],
        "measured_on": told["measured_on"],
        "measured_n": _count(told.get("measured_n"), "measured_n"),
        "recipe": _recipe(told.get("recipe"), architecture, kind),
        "summary": _summary(told.get("summary"), labels),
    }
    if (careful := _caution(told.get("caution"), kind)) is not None:
        found["caution"] = careful
    return found


def _labels(told: Any) -> list[str]:
    if not isinstance(told, list) or not 2 <= len(told) <= MOST_LABELS:
        raise refused(f"A model has 2 to {MOST_LABELS:,} labels, and this one says something else.")
    labels = [_name(one, "label") for one in told]
    if len(set(labels)) != len(labels):
        raise refused("Two labels of the model have the same name.")
    return labels


def _name(told: Any, what: str) -> str:
    """As it is, where it is a name that could have been given here."""
    if not isinstance(told, str) or not told or names.clean(told) != told:
        raise refused(f"The name of a {what} is none that can be seen and kept: {_short(told)}.")
    return told


def _architecture(told: Any, kind: str) -> str:
    if not isinstance(told, str):
        raise refused("model.json names no architecture.")
    try:
        card = architectures.get(told)
    except NotFound:
        raise refused(f"This Darkroom knows no architecture called {_short(told)}.") from None
    if kind == ModelKind.INSTANT and not card.packaged:
        raise refused(f"An instant model is of {PACKAGED}, and this one says {_short(told)}.")
    return card.name


def _recipe(told: Any, architecture: str, kind: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise refused("model.json holds no recipe.")
    if kind == ModelKind.INSTANT:
        numbers = {name: told[name] for name in ("strength", "temperature") if _is_number(told.get(name))}
        return {"head": "ridge regression", **numbers}
    try:
        found = recipes.checked(told)
    except Refused as error:
        raise refused(f"The recipe cannot be used: {error}") from None
    if found.architecture != architecture:
        raise refused("The recipe is of another architecture than the model.")
    return found.as_dict()


def _summary(told: Any, labels: list[str]) -> dict[str, Any]:
    """Scores of each label, where they are whole; how many pictures, and the loss."""
    told = told if isinstance(told, dict) else {}
    found: dict[str, Any] = {}
    if _is_number(told.get("pictures")):
        found["pictures"] = _count(told["pictures"], "pictures")
    if _is_number(told.get("loss")):
        found["loss"] = float(told["loss"])
    rows = told.get("labels")
    whole = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if whole and [row.get("label") for row in rows] == labels:
        found["labels"] = [_row(row) for row in rows]
    return found


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    def share(name: str) -> float | None:
        return None if told.get(name) is None else _share(told[name], name)

    scores = {name: share(name) for name in ("precision", "recall", "f1")}
    return {"label": told["label"], "images": _count(told.get("images"), "images"), **scores}


def _caution(told: Any, kind: str) -> dict[str, Any] | None:
    """As `Caution.as_dict` writes it; None where the model was made without."""
    if told is None:
        return None
    wrong = refused("What model.json says about its caution cannot be understood.")
    if not isinstance(told, dict) or not isinstance(points := told.get("points"), list):
        raise wrong
    if not 1 <= len(points) <= 101 or not all(isinstance(p, list) and len(p) == 6 for p in points):
        raise wrong
    if not all(_is_number(number) for point in points for number in point) or not _is_number(told.get("familiar")):
        raise wrong
    by = told.get("by", caution.OWN)
    if by not in ((caution.OWN,) if kind == ModelKind.INSTANT else (caution.OWN, caution.BACKBONES)):
        raise wrong
    pictures, familiar = _count(told.get("pictures"), "pictures"), float(told["familiar"])
    kept = {"pictures": pictures, "familiar": familiar, "by": by, "points": points}
    found = caution.read(kept)
    assert found is not None
    return found.as_dict()


def _share(told: Any, what: str) -> float:
    if not _is_number(told) or not 0 <= told <= 1:
        raise refused(f"model.json says {_short(told)} for {what}, which is no share.")
    return float(told)


def _count(told: Any, what: str) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or not 0 <= told <= MOST_COUNT:
        raise refused(f"model.json says {_short(told)} for {what}, which is no number of pictures.")
    return told


def _is_number(told: Any) -> bool:
    if not isinstance(told, int | float) or isinstance(told, bool):
        return False
    return abs(told) <= MOST_COUNT and math.isfinite(told)


def _short(told: Any) -> str:
    text = names.clean(str(told)[:200]) if isinstance(told, str | int | float | bool) else "something else"
    return f"“{text[:60]}”"
