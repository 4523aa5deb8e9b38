"""Chronoglot: when a multilingual language model learns, in each language, and what it forgets."""

__version__ = "0.1.0"
