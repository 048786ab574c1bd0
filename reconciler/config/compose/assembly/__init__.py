"""The stages of a stack's files: include, extends, merge and defaults, up to one document."""
