"""Verdict + Case -> something to read: one renderer a format, pure functions."""
