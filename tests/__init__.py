"""Tests of kubectl imagepull."""
