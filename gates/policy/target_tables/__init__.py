"""The tables of target files that name secrets: values of the environment, and access to parts."""
