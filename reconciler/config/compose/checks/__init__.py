"""Checks of a whole stack: references, contradictions, attributes that are not supported."""
