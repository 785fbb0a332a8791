"""Pages of the report, one for each kind of reader."""
