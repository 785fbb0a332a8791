"""Payload mappings: how the payloads of one system become records."""
