"""``python -m impasto``: run.py where there is no checkout, only the installed package."""

from impasto.launch.cli import main

if __name__ == "__main__":
    main()
