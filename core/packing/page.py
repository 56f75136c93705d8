"""One HTML file that runs a model in any browser: ONNX Runtime Web, compiled for WebAssembly, and model.onnx inside.

It asks no network for anything, and its own policy would not let it: it works from a stick, on a plane, in a cellar.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import bundles, caution
from core.errors import StudioError
from core.records import Model, Verdict

ENGINE = Path("build/web")
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
TEMPLATE = Path(__file__).with_name("page.html")
ROOT = Path(__file__).parents[2]
NO_ENGINE = (
    "This machine has no ONNX Runtime for browsers, which the page carries inside. Install Node.js, run `make setup` "
    "once more, and ask again."
)


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """What the page needs to doubt as the model does."""

    told: Mapping[str, Any]
    known: NDArray[np.float32]  # (M, D) of length 1


def write(graph: bytes, title: str, sentence: str, labels: list[str], doubt: Doubt | None = None) -> bytes:
    """The page.

    Args:
        graph: model.onnx.
        labels: in the order of its outputs.
        doubt: when it says that it does not know; None: it always answers.

    Raises:
        StudioError: ONNX Runtime Web is not here.
    """
    engine, wasm = _engine()
    told = {"title": title, "sentence": sentence, "labels": labels, "side": 224, "doubt": doubt and doubt.told}
    facts = json.dumps(told, ensure_ascii=False)
    page = TEMPLATE.read_text("utf-8")
    # A label is data: without a < no text of it ends the script that holds it.
    for name, value in (("FACTS", facts.replace("<", "\\u003c")), ("ENGINE", engine), ("WASM", wasm)):
        page = page.replace(f"@{name}@", value, 1)
    page = page.replace("@KNOWN@", _packed(doubt.known.astype("<f4").tobytes() if doubt else b""), 1)
    return page.replace("@MODEL@", _packed(graph), 1).encode()


def doubt_of(model: Model, folder: Path) -> Doubt | None:
    """As the model doubts here, at the share of pictures that it shall answer."""
    found, known = caution.of(model), bundles.read_known(folder)
    if found is None or known is None:
        return None
    words = {str(one): caution.said(one) for one in (Verdict.UNLIKE, Verdict.UNSURE)}
    limits = {"by": found.by, "familiar": found.familiar, "confidence": found.at(model.answer_share).confidence}
    return Doubt({**limits, "nearest": caution.NEAREST, "words": words}, known)


@cache
def _engine() -> tuple[str, str]:
    try:
        return _packed((ROOT / ENGINE / SCRIPT).read_bytes()), _packed((ROOT / ENGINE / WASM).read_bytes())
    except OSError:
        raise StudioError(NO_ENGINE) from None


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
