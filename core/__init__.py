"""Darkroom without its screens: datasets, runs, models, predictions."""
