"""The data of a run: its users and products, and the removal of what ended runs left."""
