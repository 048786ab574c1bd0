"""Variables: where they come from, and how they are filled into values."""
