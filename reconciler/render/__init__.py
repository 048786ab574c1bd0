"""Plans and reports as text, for people and for machines."""
