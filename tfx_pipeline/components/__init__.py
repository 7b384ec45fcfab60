"""Components that TFX lacks, one a file."""
