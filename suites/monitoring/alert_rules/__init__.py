"""Read alert rules and recording rules, and find flaws, such as an alert that can never fire."""
