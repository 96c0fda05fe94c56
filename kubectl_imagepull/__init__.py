"""kubectl imagepull: says why a pod cannot pull its image, proven from the node it runs on."""

__version__ = "0.1.0"
