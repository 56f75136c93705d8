"""The survey of a dataset's findings: run by the surveyor, which alone has the time for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.findings import labelled, quality, twinned
from core.findings.comparing import compare
from core.findings.material import Material, gather
from core.findings.words import of_picture
from core.index import outliers
from core.records import Dataset, FindingKind, Found
from core.studio import Studio

MOST_OUTLIERS = 0.01  # of the pictures: the strangest ones; more would not be unlike the rest

Tell = Callable[[float], None]


def survey(studio: Studio, dataset: Dataset, tell: Tell) -> Mapping[str, Any]:
    """Replaces the dataset's findings; gives what was looked at.

    Holds 0.8 kB of vector a picture and no matrix of pairs. What depends on the pictures alone is kept for the next
    survey; what was ignored stays ignored.
    """
    tell(0.0)
    material = gather(studio, dataset)
    tell(0.1)
    rows = material.measured
    with threadpool_limits(1):  # whoever waits for an answer has the other cores
        compared = compare(studio, material, rows, lambda share: tell(0.1 + 0.7 * share))
        tell(0.8)
        found = list(twinned.groups(material, compared.pairs, rows))
        taken = {image for one in found for image in one.images}
        found += quality.troubles(material)
        found += labelled.of_counts(material)
        found += labelled.of_names(material)
        suspects, judged = labelled.of_suspects(studio, material)
        found += suspects
        tell(0.85)
        found += labelled.of_shortcuts(material)
        tell(0.95)
        reported = taken | {image for one in found for image in one.images if len(one.images) == 1}
        found += _outliers(material, compared.strange, rows, reported)
    states = {image.id: (image.label_id, image.split) for image in material.images}
    studio.store.findings.replace(dataset.id, found, states)
    return {
        "pictures": len(material.images),
        "compared": len(rows),
        "judged": judged,
        "found": dict(Counter(str(one.kind) for one in found)),
    }


def _outliers(
    material: Material, strange: NDArray[np.float64], rows: Sequence[int], reported: set[int]
) -> Iterator[Found]:
    """Those that nothing else was found about: an outlier whose label is in doubt is shown once."""
    far = [at for at in np.argsort(-strange, kind="stable") if strange[at] > outliers.LONELY]
    for at in far[: max(round(MOST_OUTLIERS * len(rows)), 1)]:
        image = material.images[rows[at]]
        if image.id not in reported:
            said = "Unlike the rest: nothing else in this dataset looks like this picture. Does it belong here?"
            yield of_picture(FindingKind.OUTLIER, image, float(strange[at]), said)
