"""The page of the task `serve`: what it does (`studio`), and what it looks like (`layout`)."""
