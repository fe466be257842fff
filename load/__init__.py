"""Load on a target: many shoppers at once, so measured that a hanging server cannot look fast."""
