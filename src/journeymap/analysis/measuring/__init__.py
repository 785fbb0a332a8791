"""What questions measure with: tallies, quantiles, sequences, intervals, periods."""
