"""Alert rules: how they are read, what their expressions mean, and which of them can never fire."""
