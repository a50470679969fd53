"""The wire: ops, codes, encodings, entries of STATS, the digest of VERIFY."""
