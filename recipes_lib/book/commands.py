"""How `recipes` takes its words, and how it ends: with one line where a person can mend it."""

import signal
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from recipes_lib.book.errors import BookError


class Commands(TyperGroup):
    """Commands that say in one line what a person can mend, and clean up when asked to end."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; exit with 130 where it was interrupted, with 2 for bad input."""
        # Asked to end, clean up as at Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Exit(130) from error
        except BookError as error:
            print(f"recipes: {' '.join(str(error).split())}", file=sys.stderr)
            raise typer.Exit(2) from error


class RunCommand(TyperCommand):
    """A command that takes papermill's `-p KEY VALUE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words, pairs joined."""
        return super().parse_args(ctx, _join_pairs(args))


def _join_pairs(args: list[str]) -> list[str]:
    """Join papermill's `-p key value` to `-p key=value`: typer knows no repeated option of two
    words.
    """
    joined, rest = [], list(args)
    while rest:
        word = rest.pop(0)
        joined.append(word)
        if word in ("-p", "--parameter"):
            if len(rest) < 2:
                raise BookError(f"{word} needs a name and a value; for example {word} seed 7")
            joined.append(f"{rest.pop(0)}={rest.pop(0)}")
    return joined
