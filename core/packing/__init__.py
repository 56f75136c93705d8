"""Packing: a model put into the forms of `core.packages`, each run on held-out pictures before it is offered."""
