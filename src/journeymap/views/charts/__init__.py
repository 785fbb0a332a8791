"""Charts of answers, in Altair."""
