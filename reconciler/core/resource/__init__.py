"""Resources in the user's terms: addresses, values, documents, durations and sizes."""
