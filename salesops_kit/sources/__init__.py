"""The only readers of foreign files: exports in, canonical tables and rejects out."""
