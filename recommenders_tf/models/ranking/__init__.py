"""Rankers: the probability that a user likes an item, from all features of both."""
