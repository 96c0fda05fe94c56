"""What a node's own files say: its resolver, its trust, its units, and its runtime's registry configuration."""
