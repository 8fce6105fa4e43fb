"""Start Impasto from a checkout: python run.py task=NAME [group=choice] [key=value] ..."""

from impasto.launch.cli import main

if __name__ == "__main__":
    main()
