"""The command `recommenders-tf`. Nothing here imports TensorFlow or pandas until a command runs."""
