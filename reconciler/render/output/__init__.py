"""The way out for text: columns, styles, hidden values, control characters."""
