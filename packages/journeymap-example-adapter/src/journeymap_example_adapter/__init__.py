"""Adapters for journeymap, as a stranger's package would offer them."""
