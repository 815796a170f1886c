"""Files and folders of results: whole or not at all, one writer at a time, and what they tell of their inputs."""
