"""The ground of the tables: property rows, forms of values, labels and names."""
