"""How fast models train, beside their peers and what the machine allows, all in one run."""
