"""The plan as text and as JSON."""
