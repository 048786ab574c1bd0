"""The files beside the page: one style sheet, one script, one icon."""
