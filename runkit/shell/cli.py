"""The command line.

Results go to the requested file, messages to stderr; `demo`, `inbox` and `show` print to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import runkit
from runkit.api.words import STATUS_OF
from runkit.display.messages import echo
from runkit.display.text import escape_unseen, plural
from runkit.errors import ApiError, RunkitError, UsageError
from runkit.local.files import file_at, replacing, usable

EXIT_FAILED, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_WAITING, EXIT_STOPPED = 1, 2, 3, 4, 130
TIME_HELP = "a time: 7d, 12h, or ISO 8601"
EXIT_CODES = """\
exit codes:
  0    done
  1    failed: the message says why
  2    wrong usage: an option, a file or an id that cannot be used
  3    done, but something is missing: the output says what
  4    done, and a question waits for a reviewer (inbox, show), also if something is missing
  130  stopped by Ctrl-C"""
COMMAND_LINES = """\
examples:
  runkit demo
  runkit inbox
  runkit show runs.ndjson
  runkit report 83fe7317 -o report.html

"""
Option = tuple[tuple[str, ...], dict[str, Any]]  # the arguments of `add_argument`
if TYPE_CHECKING:
    import pandas as pd


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    root = parser()
    arguments = root.parse_args(argv)
    name: str | None = arguments.command
    if name is None:
        root.print_help()
        return 0
    try:
        return COMMANDS[name].run(arguments)
    except RunkitError as error:
        echo(f"runkit {name}: {_in_options(str(error), arguments)}")
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED
    except BrokenPipeError:  # the reader closed the pipe, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at exit
        return EXIT_FAILED
    except OSError as error:  # such as a full disk
        echo(f"runkit {name}: failed: {error.strerror or error}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        echo("Stopped.")
        return EXIT_STOPPED


def _in_options(message: str, arguments: argparse.Namespace) -> str:
    """Name the argument with which a message begins as the option that gave it: `--sla-h -3.0`."""
    argument, equals, rest = message.partition("=")
    if not equals or argument not in arguments:
        return message
    return f"--{argument.replace('_', '-')} {rest}"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with every character visible."""

    def error(self, message: str) -> NoReturn:
        echo(f"{self.prog}: {message}; `{self.prog} --help` says more.")
        self.exit(EXIT_USAGE)


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands and options."""
    root = _Parser(
        prog="runkit",
        description="Investigate runs of Middesk's agents.",
        epilog=COMMAND_LINES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"runkit {runkit.__version__}, python {platform.python_version()}"
    root.add_argument("--version", action="version", version=version)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=command.run.__doc__,
            description=command.run.__doc__,
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for flags, settings in command.options:
            sub.add_argument(*flags, **settings)
    return root


def make_demo(arguments: argparse.Namespace) -> int:
    """Start eight runs on the embedded sandbox and show how they end."""
    from runkit.shell._demo import run_demo

    run_demo(Path(arguments.output), speed=arguments.speed)
    return 0


def serve_sandbox(arguments: argparse.Namespace) -> int:
    """Serve the embedded sandbox on 127.0.0.1 until Ctrl-C."""
    from runkit.server import serve

    def announce(url: str, key: str) -> None:
        exports = f"export MIDDESK_API_KEY={shlex.quote(key)}\nexport MIDDESK_BASE_URL={url}"
        echo(exports, file=sys.stdout)
        echo("To use this sandbox, run these two lines in another shell. Press Ctrl-C to stop.")

    serve(
        port=arguments.port,
        speed=arguments.speed,
        history=arguments.history,
        replay=arguments.replay,
        announce=announce,
    )
    return 0


def list_questions(arguments: argparse.Namespace) -> int:
    """List the questions that wait for a reviewer."""
    from runkit.facts import Facts
    from runkit.screens.pages import inbox_panel

    with _reader() as client:
        listed = client.runs.list(since=arguments.since)
        waiting = listed.with_items(run for run in listed if run.may_wait)
        runs = client.runs.fetch(_identify(client, waiting))
        where = f"{client.mode} · {client.host} · {plural(len(listed), 'run')} listed"
    f = runkit.frames(runs)
    panel = inbox_panel(f, where, sla_h=arguments.sla_h)
    if arguments.json:
        _write_json(_records(Facts(f).waiting[[*f.interrupts]]))
    else:
        panel.print(has_all=arguments.all)
    return _ended(arguments, f, runs)


def _identify(client: runkit.Client, runs: runkit.RunList) -> runkit.RunList:
    """Find the businesses of runs. Names are a help, and not every account has them."""
    if _is_stopped(runs):
        raise KeyboardInterrupt
    try:
        identified = client.businesses.identify(runs)
    except ApiError as error:
        echo(f"The names of businesses are not known: {error}")
        return runs
    if _is_stopped(identified):
        raise KeyboardInterrupt
    if identified.missing:
        echo(f"Incomplete names: {'; '.join(identified.missing)}.")
    return runs.with_items(identified)


def _completeness(missing: Sequence[str], source: object) -> int:
    """Report what is missing of a source, if anything, and return the exit code."""
    if missing:
        echo(f"Incomplete: {'; '.join(missing)}")
    return _code_of(missing, source)


def _code_of(missing: Sequence[str], source: object) -> int:
    if not missing:
        return 0
    return EXIT_STOPPED if _is_stopped(source) else EXIT_INCOMPLETE


def _is_stopped(source: object) -> bool:
    """Return whether Ctrl-C stopped this command's fetch; a file may tell of an earlier one."""
    from runkit.client.run_list import is_stopped

    return isinstance(source, runkit.RunList) and is_stopped(source.missing)


def show_runs(arguments: argparse.Namespace) -> int:
    """Show one run with its steps, one step with its result, or several runs by status."""
    from runkit.screens import one_run
    from runkit.screens.pages import show_panel

    source = _source(arguments)
    f = runkit.frames(source, as_of=arguments.as_of)
    is_one = len(f) == 1
    if arguments.step is not None and not is_one:
        raise UsageError(
            f"--step shows a step of one run, and {plural(len(f), 'run')} were given; give the id "
            "of one, after the file if there is one."
        )
    if arguments.step is None:
        panel = show_panel(f, sla_h=arguments.sla_h)
    else:
        panel = one_run.step(f, arguments.step)
    if arguments.json:
        tables = f if arguments.step is None else {"step": panel.table}
        _write_json({name: _records(table) for name, table in tables.items()})
    else:
        panel.print(has_all=arguments.all or is_one)
    return _ended(arguments, f, source)


def _ended(arguments: argparse.Namespace, f: runkit.Frames, source: object) -> int:
    """Return the exit code: whether something is missing, which a panel says, or a question waits.

    JSON does not say what is missing; then a message does.
    """
    code = _completeness(f.missing, source) if arguments.json else _code_of(f.missing, source)
    return max(code, EXIT_WAITING if f.interrupts["outcome"].eq("pending").any() else 0)


def _records(df: pd.DataFrame) -> Any:
    """Return rows as JSON objects, with times as ISO 8601 in UTC."""
    return json.loads(df.to_json(orient="records", date_format="iso"))


def _write_json(value: object) -> None:
    echo(escape_unseen(json.dumps(value, indent=2, ensure_ascii=False)), file=sys.stdout)


def fetch_runs(arguments: argparse.Namespace) -> int:
    """Save runs with their steps; never writes to the API."""
    from runkit.client.run_list import NEWEST

    with _target(arguments.output, arguments.overwrite) as into, _reader() as client:
        listed = client.runs.list(
            limit=arguments.limit,
            status=arguments.status,
            since=arguments.since,
            business_id=arguments.business_id,
        )
        runs = client.runs.fetch(_identify(client, listed), into=into)
        if arguments.overwrite and _is_stopped(runs):
            raise KeyboardInterrupt
    target = "stdout" if arguments.output == "-" else arguments.output
    word = "new or changed run" if _is_folder(arguments.output) else "run"
    echo(f"Saved {plural(len(runs), word)} from {client.host} ({client.mode}) to {target}")
    # what --limit leaves out is not missing
    return _completeness([why for why in runs.missing if not why.startswith(NEWEST)], runs)


@contextmanager
def _target(name: str, overwrite: bool) -> Iterator[str | IO[bytes]]:
    """Return a folder, a new file, stdout, or a file that replaces another one if all went well."""
    from runkit.local.fetch_files import LINE_SUFFIXES

    if name == "-":
        yield sys.stdout.buffer
    elif _is_folder(name):
        yield name
    else:
        path = file_at(name)
        if path.suffix not in LINE_SUFFIXES:
            raise UsageError(
                f"-o {name}: expected a folder, ending in /; a new file that ends in .ndjson or "
                ".jsonl; or - for stdout."
            )
        if overwrite:
            with replacing(path) as part, part.open("wb") as file:
                yield file
        elif path.exists():
            raise UsageError(f"{name} exists; use another name, or replace it with --overwrite.")
        else:
            yield name


def _is_folder(name: str) -> bool:
    return name.endswith("/") or usable(name).is_dir()


def _reader(where: str = "") -> runkit.Client:
    """Create a read-only client of the API, or of the sandbox that `MIDDESK_BASE_URL` names."""
    from runkit.client.client import KEY_NAME

    if not os.environ.get(KEY_NAME):
        raise UsageError(
            f"{where}{KEY_NAME} must be set in this shell; export it, or the two lines that "
            "`runkit sandbox` prints."
        )
    return runkit.Client(read_only=True)


def make_report(arguments: argparse.Namespace) -> int:
    """Make a redacted, offline HTML report; never writes to the API."""
    from runkit.reports import templates

    templates.check_installed()  # before anything is read
    source = _source(arguments)
    result = runkit.report(
        runkit.frames(source, as_of=arguments.as_of),
        arguments.output,
        template=arguments.template,
        sla_h=arguments.sla_h,
    )
    echo(result, file=sys.stdout)
    return _completeness(result.missing, source)


def _source(arguments: argparse.Namespace) -> Any:
    """Return files and folders, some of the runs in them, or runs from the API."""
    from runkit.tables.sources import has_suffix

    files = [name for name in arguments.source if has_suffix(name) or _is_folder(name)]
    run_ids = [name for name in arguments.source if name not in files]
    if files:
        return runkit.frames(files).select(run_ids) if run_ids else files
    for name in run_ids:
        if usable(name).exists():  # do not send it as an id
            raise UsageError(
                f"{name} is not a file of runs; expected a file that ends in .json, .ndjson or "
                ".jsonl, also with .gz, a folder of such files, or the id of a run."
            )
    where = f"{run_ids[0]} is no file or folder here; to read it from the API as the id of a run, "
    with _reader(where) as client:
        if len(run_ids) == 1:
            return _identify(client, runkit.RunList((client.runs.get(*run_ids),)))
        runs = client.runs.fetch(run_ids)
        if not runs and _is_stopped(runs):
            raise KeyboardInterrupt
        if not runs:
            raise RunkitError("; ".join(runs.missing))
        return _identify(client, runs)


class Command:
    """A command: a function that returns an exit code, and the options of its line."""

    def __init__(self, run: Callable[[argparse.Namespace], int], *options: Option) -> None:
        self.run = run
        self.options = options


def option(*flags: str, **settings: Any) -> Option:
    """Return the arguments of `add_argument`."""
    return flags, settings


JSON = option("--json", action="store_true", help="write JSON")
ALL = option("--all", action="store_true", help="show each row; a terminal gets ten of a group")
SLA = option("--sla-h", type=float, metavar="H", help="hours within which a reviewer should answer")
SOURCE_OPTION = option(
    "source",
    nargs="+",
    metavar="FILE|RUN",
    help="files or folders of runs (.json, .ndjson, .jsonl, Frames.save()), and the ids of runs in "
    "them, if not all; without a file, the ids of runs of the API; 8 characters of an id are "
    "enough",
)
AS_OF = option("--as-of", metavar="T", help="the time up to which everything open is counted")
STEP_OPTION = option(
    "--step",
    help="one step of a run with what it returned: its id (8 characters are enough), name or label",
)
SINCE = f"only runs created at or after {TIME_HELP}"
OUTPUT = (
    "a folder, ending in /, for what is new or changed; a new .ndjson or .jsonl file; - for stdout"
)
STATUS = f"only runs with this status: {', '.join(STATUS_OF)}"
TEMPLATE_HELP = "run, runs, or the path of your own notebook (default: by the number of runs)"
COMMANDS: dict[str, Command] = {
    "demo": Command(
        make_demo,
        option(
            "-o",
            "--output",
            default="runkit-demo",
            help="folder for the page and the runs (default: runkit-demo)",
        ),
        option("--speed", type=float, default=300, help="simulation speed (default: 300 times)"),
    ),
    "inbox": Command(
        list_questions,
        option("--since", default="30d", metavar="T", help=f"{SINCE} (default: 30d)"),
        SLA,
        ALL,
        JSON,
    ),
    "show": Command(
        show_runs,
        SOURCE_OPTION,
        STEP_OPTION,
        AS_OF,
        SLA,
        ALL,
        JSON,
    ),
    "fetch": Command(
        fetch_runs,
        option("-o", "--output", required=True, help=OUTPUT),
        option("--overwrite", action="store_true", help="replace an existing file, unless stopped"),
        option("--status", choices=STATUS_OF, metavar="STATUS", help=STATUS),
        option("--since", metavar="T", help=SINCE),
        option(
            "--business", dest="business_id", metavar="ID", help="only runs about this business"
        ),
        option("--limit", type=int, metavar="N", help="at most N runs, newest first"),
    ),
    "report": Command(
        make_report,
        SOURCE_OPTION,
        option("-o", "--output", required=True, help="report.html; its notebook stands beside it"),
        option("--template", help=TEMPLATE_HELP),
        AS_OF,
        SLA,
    ),
    "sandbox": Command(
        serve_sandbox,
        option("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free port)"),
        option("--speed", type=float, default=60, help="simulation speed (default: 60 times)"),
        option("--history", type=int, default=0, help="number of past runs (default: 0)"),
        option("--replay", metavar="FILE", help="a file whose finished runs are played"),
    ),
}
"""The commands; the docstrings of their functions explain them to users."""
