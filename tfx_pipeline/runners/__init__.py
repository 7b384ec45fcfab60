"""What runs the pipeline, one runner a file."""
