"""The bench: what it keeps, and the page and the plots that are made of it."""
