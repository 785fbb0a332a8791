"""How files are read safely: size limits, text rows, XML events."""
