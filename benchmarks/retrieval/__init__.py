"""Recall and speed of top-K search over a million vectors, ours and others'."""
