"""The ground of the tables: the row of a type, its properties, names and requirements."""
