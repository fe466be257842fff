"""How a process of this project behaves: exit, output, progress, signals, time limits."""
