"""The command line.

Exit codes: 0 done, 1 failed (one line says why), 2 invalid usage, 3 done but incomplete, 4 a
question waits (`inbox`, `show`), 130 stopped by Ctrl-C. Results go to the requested file, messages
to stderr; `demo`, `inbox` and `show` print to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import runkit
from runkit.api.words import STATUS_OF
from runkit.display.messages import echo
from runkit.display.text import escape_unseen, plural, visible
from runkit.errors import ApiError, RunkitError, UsageError
from runkit.local.files import file_at, replacing, usable

FAILED, USAGE_ERROR, INCOMPLETE, WAITING, INTERRUPTED = 1, 2, 3, 4, 130
TIME_HELP = "a time: 7d, 12h, or ISO 8601"
EPILOG = """\
examples:
  runkit demo
  runkit inbox
  runkit report 83fe7317 -o report.html

Exit codes: 0 done, 1 failed, 2 invalid usage, 3 done but incomplete, 4 a question waits
(inbox, show; also if incomplete), 130 stopped."""
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
        echo(f"runkit {name}: {error}")
        return USAGE_ERROR if isinstance(error, UsageError) else FAILED
    except BrokenPipeError:  # the reader closed the pipe, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at exit
        return FAILED
    except OSError as error:  # such as a full disk
        echo(f"runkit {name}: failed: {error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        echo("Stopped.")
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """A parser whose errors have every character visible, and name the nearest choice."""

    def error(self, message: str) -> NoReturn:
        text = visible(message)
        if wrong := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            choices = re.findall(r"[\w-]+", wrong[2])
            for near in get_close_matches(wrong[1], choices, 1):
                text += f". Did you mean {near!r}?"
        self.print_usage(sys.stderr)
        echo(f"{self.prog}: error: {text}")
        self.exit(USAGE_ERROR)


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands and options."""
    root = _Parser(
        prog="runkit",
        description="Investigate runs of Middesk's agents.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"runkit {runkit.__version__}, python {platform.python_version()}"
    root.add_argument("--version", action="version", version=version)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        description = str(command.run.__doc__)
        summary = description[0].lower() + description[1:].removesuffix(".")
        sub = commands.add_parser(name, help=summary, description=description)
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
        echo(f"export MIDDESK_API_KEY={shlex.quote(key)}", file=sys.stdout)
        echo(f"export MIDDESK_BASE_URL={url}", file=sys.stdout)
        echo("Serving on 127.0.0.1. To use it from another shell, run these two lines there.")
        echo("Press Ctrl-C to stop.")

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
        names = f.runs[["run_id", "agent_name"]]
        waiting_questions = Facts(f).waiting[[*f.interrupts]]
        _write_json(_records(waiting_questions.merge(names, on="run_id")))
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
    return INTERRUPTED if _is_stopped(source) else INCOMPLETE


def _is_stopped(source: object) -> bool:
    """Return whether Ctrl-C stopped this command's fetch; a file may tell of an earlier one."""
    from runkit.client.run_list import is_stopped

    return isinstance(source, runkit.RunList) and is_stopped(source.missing)


def show_runs(arguments: argparse.Namespace) -> int:
    """Show the steps of a run as a tree, one step with its result, or several runs by status."""
    from runkit.screens import one_run
    from runkit.screens.pages import show_panel

    source = _source(arguments)
    f = runkit.frames(source, as_of=arguments.as_of)
    is_one = len(f) == 1
    if arguments.step is not None and not is_one:
        raise UsageError("--step needs exactly one run; give its id after the file.")
    if arguments.step is None:
        panel = show_panel(f, sla_h=arguments.sla_h)
    else:
        panel = one_run.step(f, arguments.step)
    if arguments.json:
        names = list(f.keys()) if is_one else ["runs"]
        tables = {name: f[name] for name in names}
        if arguments.step is not None:
            tables = {"step": panel.table}
        _write_json({name: _records(table) for name, table in tables.items()})
    else:
        panel.print(has_all=arguments.all or is_one)
    return _ended(arguments, f, source)


def _ended(arguments: argparse.Namespace, f: runkit.Frames, source: object) -> int:
    """Return the exit code: whether something is missing, which a panel says, or a question waits.

    JSON does not say what is missing; then a message does.
    """
    code = _completeness(f.missing, source) if arguments.json else _code_of(f.missing, source)
    return max(code, WAITING if f.interrupts["outcome"].eq("pending").any() else 0)


def _records(df: pd.DataFrame) -> Any:
    """Return rows as JSON objects, with times as ISO 8601 in UTC."""
    return json.loads(df.to_json(orient="records", date_format="iso"))


def _write_json(value: object) -> None:
    echo(escape_unseen(json.dumps(value, indent=2, ensure_ascii=False)), file=sys.stdout)


def fetch_runs(arguments: argparse.Namespace) -> int:
    """Save runs with their steps; never writes to the API."""
    from runkit.client.run_list import NEWEST

    names = ("limit", "status", "since", "business_id")
    filters = {name: getattr(arguments, name) for name in names}
    with _target(arguments.output, arguments.overwrite) as into, _reader() as client:
        listed = client.runs.list(**filters)
        runs = client.runs.fetch(_identify(client, listed), into=into)
        if arguments.overwrite and _is_stopped(runs):
            raise KeyboardInterrupt
    target = "stdout" if arguments.output == "-" else arguments.output
    word = "new or changed run" if _is_folder(arguments.output) else "run"
    echo(f"Saved {plural(len(runs), word)} from {client.host} ({client.mode}) to {target}")
    code = _completeness(runs.missing, runs)
    is_chosen = all(reason.startswith(NEWEST) for reason in runs.missing)  # by --limit
    return 0 if is_chosen else code


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
    return name.endswith(("/", os.sep)) or usable(name).is_dir()


def _reader() -> runkit.Client:
    """Create a read-only client of the API, or of the sandbox that `MIDDESK_BASE_URL` names."""
    from runkit.client.client import KEY_NAME

    if not os.environ.get(KEY_NAME):
        raise UsageError(
            f"{KEY_NAME} is not set in this shell; export it, or the two lines that "
            "`runkit sandbox` prints."
        )
    return runkit.Client(read_only=True)


def make_report(arguments: argparse.Namespace) -> int:
    """Make a redacted, offline HTML report; never writes to the API."""
    from runkit.reports import templates

    templates.check_installed()
    from runkit.reports.report import output_paths  # loads pandas

    # all arguments are checked before anything is fetched
    output_paths(arguments.output)
    templates.find_template(arguments.template)
    source = _source(arguments)
    result = runkit.report(
        runkit.frames(source, as_of=arguments.as_of),
        arguments.output,
        template=arguments.template,
        sla_h=arguments.sla_h,
    )
    echo(result, file=sys.stdout)
    return _completeness([result.missing] if result.missing else [], source)


def _source(arguments: argparse.Namespace) -> Any:
    """Return a file, a folder, some of the runs in it, or runs from the API."""
    from runkit.tables.sources import has_suffix

    name, *run_ids = arguments.source
    if files := [other for other in run_ids if has_suffix(other)]:
        raise UsageError(
            f"{files[0]} comes after another one; give one file, or the folder that has them all."
        )
    if _is_folder(name) or has_suffix(name):
        return runkit.frames(name).select(run_ids) if run_ids else name
    if usable(name).exists():  # do not send it as an id
        raise UsageError(
            f"{name} is not a file of runs; expected .json, .ndjson, .jsonl, or a run id."
        )
    with _reader() as client:
        if not run_ids:
            return _identify(client, runkit.RunList((client.runs.get(name),)))
        runs = client.runs.fetch(arguments.source)
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
ALL = option("--all", action="store_true", help="write each row; a terminal gets ten of a group")
SLA = option("--sla-h", type=float, metavar="H", help="hours within which a reviewer should answer")
SOURCE_OPTION = option(
    "source",
    nargs="+",
    metavar="RUN",
    help="run ids (8 or more characters); or one file, or folder of files or of saved frames, and "
    "then the ids of runs in it, if not all",
)
AS_OF = option("--as-of", metavar="T", help="the time up to which everything open is counted")
STEP_OPTION = option(
    "--step",
    metavar="STEP",
    help="one step of the run with what it returned: its id (8 or more characters), name or label",
)
OUTPUT = "runs/ to read what is new or changed into a folder; a new runs.ndjson; - for stdout"
TEMPLATE_HELP = "run, runs, or the path of your own notebook (by the number of runs)"
COMMANDS: dict[str, Command] = {
    "demo": Command(
        make_demo,
        option(
            "-o",
            "--output",
            default="runkit-demo",
            help="folder for the page and the runs (runkit-demo)",
        ),
        option("--speed", type=float, default=300, help="simulation speed (×) (300)"),
    ),
    "inbox": Command(
        list_questions,
        option(
            "--since",
            default="30d",
            metavar="T",
            help=f"only runs created at or after {TIME_HELP} (30d)",
        ),
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
        option("--status", choices=STATUS_OF, help="only runs with this status"),
        option("--since", metavar="T", help=f"only runs created at or after {TIME_HELP}"),
        option(
            "--business", metavar="ID", dest="business_id", help="only runs about this business"
        ),
        option("--limit", type=int, metavar="N", help="at most N runs, newest first"),
    ),
    "report": Command(
        make_report,
        SOURCE_OPTION,
        option(
            "-o", "--output", required=True, help="report.html; the notebook is written next to it"
        ),
        option("--template", help=TEMPLATE_HELP),
        AS_OF,
        SLA,
    ),
    "sandbox": Command(
        serve_sandbox,
        option("--port", type=int, default=0, help="port on 127.0.0.1 (any free port)"),
        option("--speed", type=float, default=60, help="simulation speed (×) (60)"),
        option("--history", type=int, default=0, help="number of past runs at the start (0)"),
        option("--replay", metavar="FILE", help="play the finished runs of a file (packaged runs)"),
    ),
}
"""The commands; the docstrings of their functions explain them to users."""
