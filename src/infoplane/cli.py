"""The command line: a command for each rule of the workflow, which calls one function of a module in `stages`.

A command and its options are made from the function's signature. Snakemake calls them; a person may as well. The stage
is imported only when it is called.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infoplane import stages
from infoplane.errors import InfoplaneError
from infoplane.settings import Block, EstimatorSettings, RunSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage; the exit code is 0, or 1 after a sentence on standard error."""
    commands = stages.commands()
    parser = argparse.ArgumentParser(prog="infoplane", description="Run one stage of a study.")
    parser.add_argument("command", choices=commands, help="what to run; COMMAND --help lists its options")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of the command")
    given = parser.parse_args(arguments)
    module, _, name = commands[given.command].partition(":")
    function: Callable[..., None] = getattr(importlib.import_module(module), name)
    options = vars(_parser(given.command, function).parse_args(given.options))
    try:
        function(**options)
    except InfoplaneError as error:
        print(f"infoplane: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # A full disk, a folder that cannot be written: the user's to mend, and no fault of the program.
        print(f"infoplane: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"infoplane: there is not enough memory: {error or 'none is left'}", file=sys.stderr)
        return 1
    return 0


def _parser(command: str, function: Callable[..., None]) -> argparse.ArgumentParser:
    """One option for each parameter of the function; those without a default are required."""
    parser = argparse.ArgumentParser(prog=f"infoplane {command}", description=inspect.getdoc(function))
    kinds = typing.get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        about = {"required": True} if required else {"default": parameter.default}
        parser.add_argument(f"--{name.replace('_', '-')}", **about, **_reading(kinds[name]))
    return parser


def _reading(kind: Any) -> dict[str, Any]:
    """How an option is read that is annotated as `kind`."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:  # with None, where the option may be left out
        return _reading(of[0])
    if origin is typing.Literal:
        return {"choices": of}
    if origin is Sequence:
        inner = _reading(of[0])
        return {**inner, "nargs": "+"} if "nargs" not in inner else {**inner, "action": "append"}
    if origin is Mapping:
        return {"type": _checked(_estimators if of[1] is EstimatorSettings else json.loads), "metavar": "JSON"}
    if kind in (RunSettings, EstimatorSettings):
        return {"type": _checked(kind.from_json), "metavar": "JSON"}
    if kind is Block:
        return {"type": _checked(Block.parse), "metavar": "seeds_FIRST-LAST"}
    return {"type": kind, "metavar": kind.__name__.upper()}


def _estimators(text: str) -> dict[str, EstimatorSettings]:
    return {name: EstimatorSettings(**entry) for name, entry in json.loads(text).items()}


def _checked(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def checked(text: str) -> Any:
        try:
            return parse(text)
        except InfoplaneError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise argparse.ArgumentTypeError(f"{text[:60]!r} is not settings as this version writes them") from error

    return checked
