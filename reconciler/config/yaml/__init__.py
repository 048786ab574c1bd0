"""Text with places: files, YAML, scalars and quantities, and the words for what is wrong with them."""
