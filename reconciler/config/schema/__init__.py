"""JSON schemas: validation of documents, and its refusals in the words of a person."""
