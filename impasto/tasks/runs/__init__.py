"""Run folders: their state, their files, and pages and reports that compare them."""
