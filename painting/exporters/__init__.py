"""Painting as files: a kind of file is a class here and a YAML file in conf/export/."""
