"""Models of what users do one after another."""
