"""Invented languages: one abstract grammar, realised with known typological parameters."""
