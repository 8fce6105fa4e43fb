"""Pictures, films, records and exports: everything read from and written to files of people."""
