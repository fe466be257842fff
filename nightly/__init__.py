"""Did the release get slower? Both colours measured in one night, and the nights compared."""
