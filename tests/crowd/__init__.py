"""A cluster of many pods: 250 of them fail, for twelve causes, in every way in which a failing pull can hide from a list."""
