"""Findings: what is wrong with the data, and which pictures a person should look at next."""

from __future__ import annotations

from core.findings.doubts import Doubt, doubtful, suggestions, unlabelled
from core.findings.reading import ACTIONS, SURVEY, TITLES, WRONG, Summary, act, ignore, page, summary

__all__ = [
    "ACTIONS",
    "SURVEY",
    "TITLES",
    "WRONG",
    "Doubt",
    "Summary",
    "act",
    "doubtful",
    "ignore",
    "page",
    "suggestions",
    "summary",
    "unlabelled",
]
