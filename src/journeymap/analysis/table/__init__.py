"""The table under a log: columns checked, encoded and ordered."""
