"""Readers of whole tables for a log: text files, frames, Parquet."""
