"""`python -m prescarbon` does what `prescarbon` does."""

from prescarbon.cli import cli

if __name__ == "__main__":
    cli()
