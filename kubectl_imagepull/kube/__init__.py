"""The API server: which one, as whom, and what it knows."""
