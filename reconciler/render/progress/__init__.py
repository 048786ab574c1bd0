"""The progress of a run as lines, as a live view and as events."""
