"""Take it away: the forms of a model, each made on demand and offered with what it says of itself."""

from __future__ import annotations

import streamlit as st

from core import packages
from core.packages import FORMS
from core.records import Model, Package, PackageKind
from core.studio import Studio
from pages.parts import markup, states
from pages.parts.text import file_size

POLL_S = 1.0


def draw(studio: Studio, model: Model) -> None:
    markup.section("In another form", "each asked about the same pictures as the model before it is offered")
    working = any(one.pending for one in packages.all_of(studio, model.id).values())
    st.fragment(forms, run_every=POLL_S if working else None)(studio, model, working)


def forms(studio: Studio, model: Model, working: bool) -> None:
    with states.sentences():
        found = packages.all_of(studio, model.id)
        if working and not any(one.pending for one in found.values()):
            st.rerun()
        with st.grid(2, min_column_width=300):
            for kind, form in FORMS.items():
                with st.container(border=True, height="stretch"):
                    markup.draw(f"<h3>{markup.plain(form.title)}</h3>", markup.words(form.sentence, quiet=True))
                    one(studio, model, kind, found.get(kind))


def one(studio: Studio, model: Model, kind: PackageKind, package: Package | None) -> None:
    """A form's state: to be made, being made, refused with a reason, or there."""
    if package is not None and package.pending:
        st.markdown("Being made …")
        return
    size = packages.size(studio, package) if package is not None and package.at is not None else None
    if package is not None and size is not None:
        if said := packages.words(package):
            markup.draw(markup.words(said, small=True))
        where = f"/api/models/{model.id}/packages/{kind}"
        st.link_button(f"Download, {file_size(size)}", where, icon=":material/download:")
        return
    if package is not None:
        states.problem(package.problem or "The file is gone. The model itself is safe; make it again.")
    if st.button("Make it" if package is None else "Try again", key=f"make-{model.id}-{kind}"):
        packages.want(studio, model.id, kind)
        st.rerun()
