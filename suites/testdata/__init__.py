"""Makes the users and products of a run, and deletes the data that ended runs left."""
