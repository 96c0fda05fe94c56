"""Ways out of a node: choosing one (`ladder`), the pod that takes it, reading its frames, clearing up."""
