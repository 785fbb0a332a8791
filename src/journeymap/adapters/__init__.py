"""The four kinds of adapter, and the built-in ones."""
