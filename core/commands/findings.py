"""The command about findings."""

from __future__ import annotations

import argparse
import time

from core import datasets, findings
from core.commands.answers import Answer, progress, progress_over, table
from core.embedded import open_studio
from core.errors import StudioError
from core.findings import Summary
from core.records import Dataset, FindingKind
from core.stores import Where
from core.studio import Studio

LOOK_S = 0.3
EVERYTHING = 1_000_000
_SHOWN = 30


def list_findings(wish: argparse.Namespace) -> Answer:
    """Waits until the findings are those of the labels as they are."""
    studio = open_studio()
    dataset = datasets.find(studio, wish.dataset)
    found = _finished(studio, dataset)
    rows = findings.page(studio, dataset.id, list(FindingKind), 0, EVERYTHING)
    ids = tuple({image for row in rows for image in row.images})
    names = (
        {one.id: one.name for one in studio.store.images.page(dataset.id, Where(ids=ids), 0, EVERYTHING)} if ids else {}
    )
    document = {
        "dataset": dataset.name,
        "looked_at": found.survey.content,
        "ignored": found.ignored,
        "findings": [
            {
                "kind": str(row.kind),
                "key": row.key,
                "sentence": row.sentence,
                "images": [names[image] for image in row.images if image in names],
                "proposal": row.detail,
            }
            for row in rows
        ],
    }
    looked = f"{found.survey.content.get('pictures', 0):,} pictures were looked at"
    if not rows:
        return Answer(document, f"Nothing wrong found: {looked}.")
    lines = [f"{found.sentence}; {looked}."]
    lines += [table(["kind", "findings"], [[findings.TITLES[kind], many] for kind, many in found.counts.items()]), ""]
    for row in rows[:_SHOWN]:
        shown = [names[image] for image in row.images[:4] if image in names]
        lines += [row.sentence, f"  {', '.join(shown)}{' ...' if len(row.images) > 4 else ''}"]
    lines += [f"and {len(rows) - _SHOWN:,} more (--json lists all)"] if len(rows) > _SHOWN else []
    return Answer(document, "\n".join(lines))


def _finished(studio: Studio, dataset: Dataset) -> Summary:
    try:
        while (found := findings.summary(studio, dataset.id)).survey.pending:
            progress(f"looking for problems: {found.survey.progress or 0:.0%}")
            time.sleep(LOOK_S)
    finally:
        progress_over()
    if found.survey.problem:
        raise StudioError(found.survey.problem)
    return found
