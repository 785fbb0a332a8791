"""The application: one store for each process, opened once."""
