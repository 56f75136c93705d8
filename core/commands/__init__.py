"""What each command does: from parsed arguments to an answer with a JSON document and words for people."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from core.commands import access, data, findings, leaving, machine, searching, states, steering, training
from core.commands.answers import Answer, Failed

__all__ = ["Answer", "Failed", "run"]

_COMMANDS: dict[str, Callable[[argparse.Namespace], Answer]] = {
    "import": data.import_pictures,
    "datasets": data.list_datasets,
    "findings": findings.list_findings,
    "enough": data.have_i_done_enough,
    "runs": training.list_runs,
    "models": training.list_models,
    "train": training.train,
    "stop": steering.stop,
    "pause": steering.pause,
    "resume": steering.resume,
    "cancel": steering.cancel,
    "retry": steering.retry,
    "prefer": steering.prefer,
    "search": searching.search,
    "searches": searching.list_searches,
    "answer": training.answer,
    "architectures": training.list_architectures,
    "predict": training.predict,
    "export": training.export,
    "package": leaving.package,
    "share": leaving.share,
    "import-model": leaving.import_model,
    "versions": states.versions_of,
    "export-data": states.export_data,
    "merge": states.merge,
    "tokens": access.tokens_of,
    "doctor": machine.doctor,
    "serve": machine.serve,
    "open": machine.open_screens,
}


def run(wish: argparse.Namespace) -> Answer:
    """Raises StudioError with a sentence."""
    return _COMMANDS[wish.command](wish)
