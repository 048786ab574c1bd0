"""Facts about what the files describe, for those who read the files and those who carry them out."""
