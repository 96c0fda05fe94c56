"""Registries as the workstation asks them about many images: does this manifest exist, for whom, under which digest."""
