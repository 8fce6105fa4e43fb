"""Timed programs: what the framework does per second. Never part of the tests."""
