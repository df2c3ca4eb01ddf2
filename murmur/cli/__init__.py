"""The command line. One module for each group of commands; what a command needs is imported when it runs."""

from murmur.cli.app import app, main

__all__ = ["app", "main"]
