"""Reads policies, target files and schedules into values of gates.model."""
