"""The page of the task `serve`: what it does (`session`), and what it looks like (`layout`)."""
