"""Drawings that two screens share. A part draws what it is handed; it asks nobody."""
