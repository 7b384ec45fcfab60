"""Two-tower retrieval: queries and candidates with features of their own."""
