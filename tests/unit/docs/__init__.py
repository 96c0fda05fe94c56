"""The documentation: its links, its commands, what it quotes."""
