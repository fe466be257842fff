"""The data of a run: users and products that the run owns, and what ended runs left behind."""
