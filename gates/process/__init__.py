"""The parts of every command: exit codes, output, progress, signals, durations, time limits."""
