"""Programs that use the toolkit as its users would."""
