"""Measures a model on its hold-out, and writes what was found for people to read."""
