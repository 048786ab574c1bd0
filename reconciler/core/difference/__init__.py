"""The comparison of a live resource with the desired one: fields, causes, changes and what they cost."""
