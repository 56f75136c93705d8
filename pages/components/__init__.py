"""Darkroom's own browser components: the Python that mounts them here, their JavaScript and CSS in `assets/`.

No build step: a browser reads the very files in this folder. Every text a person wrote reaches the page as text,
never as markup, and nothing is fetched from another host.
"""
