"""Collaborative filtering: models of the interactions alone."""
