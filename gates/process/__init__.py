"""Exit codes, output, progress, signals, durations and time limits of every command line."""
