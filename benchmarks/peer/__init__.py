"""This project beside the public LearningToPaint code, whose checkout a user gives.

None of that code is here: its modules are imported from the folder, in a process of their own.
"""
