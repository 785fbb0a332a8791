"""Measuring: tallies, quantiles, sequences, intervals, periods, used by the questions."""
