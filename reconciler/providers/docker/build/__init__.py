"""Images that are built here."""
