"""Vectors: the backbone that computes them, the file that holds them, their neighbours, and the instant model."""
