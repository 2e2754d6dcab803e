"""The command line: `runkit demo`, `lab`, `sandbox`, `fetch`, `report` and `export`.

Exit codes: 0 done, 1 failed (one line says why), 2 invalid usage, 3 done but incomplete, 130 stopped by
Ctrl-C. Results go to the requested file, messages to stderr. `demo` prints to stdout.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn, cast

import runkit
from runkit.client.hosts import KEY_NAME
from runkit.contract import RUN_STATUSES, full_id
from runkit.errors import AuthError, MissingExtra, RunkitError, UsageError
from runkit.files import file_at, folder_at, replacing, usable
from runkit.progress import say
from runkit.reports.templates import find_template, notebooks
from runkit.tables.sources import SUFFIXES, records_of
from runkit.text import UNSEEN, plural, visible

FAILED, USAGE_ERROR, INCOMPLETE, INTERRUPTED = 1, 2, 3, 130
STOP_TIMEOUT_S = 15.0  # for JupyterLab to end its kernels, which takes about 2 s
LAB_CONFIG = (
    Path(__file__).parent / "static"
)  # JupyterLab's defaults for `runkit lab`; a user's settings override them


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except UsageError as error:
        say(f"runkit {arguments.name}: {error}")
        return USAGE_ERROR
    except RunkitError as error:
        say(f"runkit {arguments.name}: {error}")
        return FAILED
    except BrokenPipeError:  # the reader closed the pipe, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at exit
        return FAILED
    except OSError as error:  # such as a full disk
        say(f"runkit {arguments.name}: failed: {error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        say("Stopped.")
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """A parser whose error messages show control characters as codes."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def parser() -> argparse.ArgumentParser:
    """Build the parser of all commands and options."""
    root = _Parser(
        prog="runkit",
        description="Investigate runs of Middesk's agents.",
        epilog="Exit codes: 0 done, 1 failed, 2 invalid usage, 3 done but incomplete, 130 stopped.",
    )
    root.add_argument("--version", action="version", version=f"runkit {runkit.__version__}")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")

    for name, command, add_options, description in (
        ("demo", demo, _demo_options, "run six agents on the embedded sandbox and show their runs"),
        ("lab", lab, _lab_options, "open JupyterLab with runkit's notebooks and a sandbox"),
        ("sandbox", sandbox, _sandbox_options, "serve the embedded sandbox on 127.0.0.1 until Ctrl-C"),
        ("fetch", fetch, _fetch_options, "save runs with their steps; never writes to the API"),
        ("report", report, _report_options, "make a redacted, offline HTML report; never writes to the API"),
        (
            "export",
            export,
            _export_options,
            "write redacted runs for a trace viewer; never writes to the API",
        ),
    ):
        sub = commands.add_parser(
            name, help=description, description=f"{description[0].upper()}{description[1:]}."
        )
        sub.set_defaults(command=command, name=name)
        add_options(sub)
    return root


def _demo_options(demo_: argparse.ArgumentParser) -> None:
    demo_.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runkit-demo"),
        help="folder for the HTML page (runkit-demo)",
    )
    demo_.add_argument("--speed", type=positive, default=300, help="simulation speed (×) (300)")


def _lab_options(lab_: argparse.ArgumentParser) -> None:
    folder = Path("runkit-notebooks")
    lab_.add_argument("--folder", type=Path, default=folder, help=f"folder for the notebooks ({folder})")
    lab_.add_argument(
        "--port", type=int, default=8888, help="port of JupyterLab, or the next free one (8888)"
    )
    lab_.add_argument("--no-browser", action="store_true", help="print the URL, don't open a browser")


def _sandbox_options(sandbox_: argparse.ArgumentParser) -> None:
    sandbox_.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (any free port)")
    sandbox_.add_argument("--db", type=Path, help="SQLite file that survives a restart (in memory)")
    sandbox_.add_argument("--speed", type=positive, default=60, help="simulation speed (×) (60)")
    sandbox_.add_argument("--seed", type=int, default=0, help="seed; equal seeds give equal runs (0)")
    sandbox_.add_argument("--history", type=int, default=0, help="number of past runs at the start (0)")
    sandbox_.add_argument(
        "--policy", choices=["manual", "auto_approve", "skip"], help="interrupt policy (manual)"
    )
    sandbox_.add_argument(
        "--latency", type=positive, default=0, metavar="S", help="extra seconds per request (0)"
    )
    sandbox_.add_argument(
        "--limit", type=int, metavar="N", help="respond 429 above N requests per second (no limit)"
    )
    sandbox_.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="inject a fault, such as 'refuse GET /runs status=502 chance=0.1'; repeatable",
    )


def _fetch_options(fetch_: argparse.ArgumentParser) -> None:
    fetch_.add_argument(
        *("-o", "--output"),
        required=True,
        help="runs/ to create or update an archive; runs.ndjson or runs.ndjson.gz; - for stdout",
    )
    fetch_.add_argument("--status", choices=RUN_STATUSES, help="only runs with this status")
    fetch_.add_argument("--since", metavar="T", help="only runs created at or after this ISO 8601 time")
    fetch_.add_argument("--until", metavar="T", help="only runs created before this ISO 8601 time")
    fetch_.add_argument("--business", metavar="ID", help="only runs about this business")
    fetch_.add_argument("--limit", type=int, metavar="N", help="at most N runs, newest first")
    _add_sandbox(fetch_)


def _report_options(report_: argparse.ArgumentParser) -> None:
    _add_source(report_)
    report_.add_argument(
        "-o", "--output", required=True, help="report.html; the notebook is written next to it"
    )
    report_.add_argument(
        "--template", default="run", help="run, compare, fleet, or the path of your own notebook (run)"
    )
    report_.add_argument("--title", help="title of the report")
    _add_redaction(report_)
    _add_sandbox(report_)


def _export_options(export_: argparse.ArgumentParser) -> None:
    _add_source(export_)
    export_.add_argument(
        "--to",
        required=True,
        choices=["perfetto", "otlp"],
        help="Chrome trace events, for ui.perfetto.dev, or OpenTelemetry traces and logs",
    )
    export_.add_argument("-o", "--output", required=True, help="trace.json")
    _add_redaction(export_)
    _add_sandbox(export_)


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "source",
        nargs="+",
        metavar="RUN",
        help="run ids (8 or more characters), or one file or archive from `runkit fetch`",
    )
    command.add_argument(
        "--run",
        action="append",
        default=[],
        metavar="ID",
        help="only this run of the file or archive (8 or more characters); repeatable",
    )


def _add_redaction(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--mask", action="append", default=[], metavar="NAME=REGEX", help="also mask this pattern; repeatable"
    )
    command.add_argument(
        "--reveal",
        action="append",
        default=[],
        metavar="RULE",
        help="do not apply this rule, such as email; repeatable",
    )
    command.add_argument(
        "--keep-last", type=int, default=0, metavar="N", help="show the last N digits of tax numbers (0)"
    )


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sandbox",
        action="store_true",
        help="read from the sandbox at RUNKIT_SANDBOX_URL, not from Middesk with MIDDESK_API_KEY",
    )


def positive(text: str) -> float:
    """Parse a positive number."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def demo(arguments: argparse.Namespace) -> int:
    """`runkit demo`."""
    from runkit.demo import run_demo

    run_demo(arguments.output, speed=arguments.speed)
    return 0


def sandbox(arguments: argparse.Namespace) -> int:
    """`runkit sandbox`."""
    from runkit.server import serve

    def announce(url: str, key: str) -> None:
        say(f"export RUNKIT_SANDBOX_URL={url}\nexport RUNKIT_SANDBOX_KEY={shlex.quote(key)}", file=sys.stdout)
        say("Serving on 127.0.0.1. To join from another shell, run these two lines there.")
        say("Press Ctrl-C to stop.")

    serve(
        port=arguments.port,
        db=arguments.db,
        speed=arguments.speed,
        seed=arguments.seed,
        policy=arguments.policy,
        history=arguments.history,
        key=os.environ.get("RUNKIT_SANDBOX_KEY"),
        latency=arguments.latency,
        limit=arguments.limit,
        faults=arguments.fault,
        announce=announce,
    )
    return 0


def fetch(arguments: argparse.Namespace) -> int:
    """`runkit fetch`."""
    filters = {
        "limit": arguments.limit,
        "status": arguments.status,
        "since": arguments.since,
        "until": arguments.until,
        "business_id": arguments.business,
    }
    if _is_folder(arguments.output):
        return _sync(arguments, filters)
    with _output(arguments.output) as file, _reader(is_sandbox=arguments.sandbox) as client:
        listed = client.runs.list(**filters)
        try:
            runs = client.runs.fetch(listed)
        except AuthError as error:
            if not error.runs:
                raise
            runs = error.runs  # what arrived before the key was refused
        for run in runs:
            file.write(_escape_unseen(run.to_json()).encode() + b"\n")
    target = "stdout" if arguments.output == "-" else arguments.output
    say(f"Saved {plural(len(runs), 'run')} from {client.host} ({client.mode}) to {target}")
    is_limited = arguments.limit is not None and len(listed) == arguments.limit
    why = [reason for reason in (None if is_limited else listed.why, runs.why) if reason]
    if why:
        say("Incomplete: " + "; ".join(why))
    return INCOMPLETE if why else 0


def _escape_unseen(json_text: str) -> str:
    """Write invisible characters as JSON escapes: the data stay equal and do nothing to a terminal."""
    return UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], json_text)


def _sync(arguments: argparse.Namespace, filters: dict[str, Any]) -> int:
    """Update an archive. Runs are written as they arrive, so that the same command can continue."""
    archive = runkit.Archive(arguments.output)
    with _reader(is_sandbox=arguments.sandbox) as client:
        synced = archive.sync(client, **filters)
    say(f"{synced} of {arguments.output}")
    if synced.is_interrupted:
        return INTERRUPTED
    return 0 if synced.is_complete else INCOMPLETE


def _is_folder(name: str) -> bool:
    return name.endswith(("/", os.sep)) or usable(name).is_dir()


def _reader(*, is_sandbox: bool) -> runkit.Client:
    """Create a read-only client of the sandbox or of the real API."""
    if not is_sandbox:
        if not os.environ.get(KEY_NAME):
            raise UsageError(f"{KEY_NAME} is not set in this shell; export it, or use --sandbox.")
        return runkit.Client(read_only=True)
    if "RUNKIT_SANDBOX_URL" not in os.environ:
        raise UsageError("--sandbox: RUNKIT_SANDBOX_URL is not set; start `runkit sandbox` and export it.")
    return runkit.sandbox().client(read_only=True)


def report(arguments: argparse.Namespace) -> int:
    """`runkit report`."""
    from runkit.reports.report import check_installed, output_paths

    check_installed()
    policy = _policy(arguments)
    output_paths(arguments.output)
    find_template(arguments.template)  # all arguments are checked before anything is fetched
    result = runkit.report(
        _source(arguments),
        arguments.output,
        template=arguments.template,
        redact=policy,
        title=arguments.title,
    )
    say(result, file=sys.stdout)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """`runkit export`."""
    policy = _policy(arguments)
    output = file_at(arguments.output)  # checked before anything is fetched
    write = {"perfetto": runkit.to_perfetto, "otlp": runkit.to_otlp}[arguments.to]
    f = runkit.frames(_source(arguments))
    write(f, output, redact=policy)
    say(f"Saved {plural(len(f.runs), 'run')} to {output}")
    if not f.is_complete:
        say("Incomplete: " + f.summary()[-1])
    return 0 if f.is_complete else INCOMPLETE


def _policy(arguments: argparse.Namespace) -> runkit.Redaction:
    patterns = dict(map(_mask_rule, arguments.mask))
    return runkit.Redaction(patterns=patterns, reveal=arguments.reveal, keep_last=arguments.keep_last)


def _source(arguments: argparse.Namespace) -> object:
    """Return what a report or an export reads: a file or an archive, some of its runs, or runs of the API."""
    names: list[str] = arguments.source
    files = [name for name in names if _is_folder(name) or name.removesuffix(".gz").endswith(SUFFIXES)]
    if files and len(names) > 1:
        raise UsageError(
            f"{files[0]} is a file or an archive; expected one, or only run ids. To select a run: "
            f"runkit {arguments.name} {files[0]} --run ID -o {arguments.output}"
        )
    if files:
        source = runkit.Archive(files[0]) if _is_folder(files[0]) else files[0]
        return _select_runs(source, arguments.run) if arguments.run else source
    if arguments.run:
        raise UsageError("--run selects runs of a file or an archive; give its name, or only run ids.")
    for name in names:
        if usable(name).exists():  # do not send it as an id
            raise UsageError(f"{name} is not a file of runs; expected {', '.join(SUFFIXES)}, or a run id.")
    with _reader(is_sandbox=arguments.sandbox) as client:
        runs = client.runs.fetch(names)
    if runs.errors:
        raise next(iter(runs.errors.values()))
    return runs


def _select_runs(source: str | runkit.Archive, run_ids: list[str]) -> object:
    """Return all copies of the runs with these ids, or unique prefixes of ids, for `runkit.report`."""
    pinned = getattr(source, "pinned", source)  # one version of an archive
    runs = [record.raw for record in records_of(pinned) if isinstance(record.raw, dict)]
    known = {raw["id"] for raw in runs if isinstance(raw.get("id"), str)}
    wanted = {name: full_id(name, known) for name in run_ids}
    missing = ", ".join(name for name, run_id in wanted.items() if run_id is None)
    if missing:
        count = plural(len(known), "run")
        raise UsageError(
            f"--run {missing}: not among the {count} in the source; expected 8 or more characters."
        )
    selected = [raw for raw in runs if raw.get("id") in wanted.values()]
    return SimpleNamespace(runs=lambda: iter(selected), version=getattr(pinned, "version", None))


def _mask_rule(text: str) -> tuple[str, str]:
    name, equals, pattern = text.partition("=")
    if not equals:
        raise UsageError(f"--mask {text}: expected NAME=REGEX, such as license=LIC-[0-9]+.")
    return name, pattern


@contextmanager
def _output(name: str) -> Iterator[IO[bytes]]:
    """Open stdout, or a private file that replaces the target at the end if everything succeeded."""
    if name == "-":
        yield sys.stdout.buffer
        return
    path = file_at(name)
    if not path.name.removesuffix(".gz").endswith((".ndjson", ".jsonl")):
        raise UsageError(
            f"-o {name}: expected a name ending in .ndjson or .jsonl, with or without .gz; an archive's "
            "folder, ending in /; or - for stdout."
        )
    with ExitStack() as stack:
        try:
            part = stack.enter_context(replacing(path))
        except OSError as error:
            raise UsageError(
                f"-o {name}: cannot be written ({error.strerror}). Choose another path."
            ) from None
        with gzip.open(part, "wb") if path.suffix == ".gz" else part.open("wb") as file:
            yield cast(IO[bytes], file)


def lab(arguments: argparse.Namespace) -> int:
    """`runkit lab`."""
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise MissingExtra.of("lab", "opening JupyterLab")
    folder = folder_at(arguments.folder)
    for notebook in sorted(notebooks().glob("*.ipynb")):
        target = folder / notebook.name
        if not target.exists():  # never overwrite an edited notebook
            with replacing(target) as part:  # private: results may contain customer data
                shutil.copyfile(notebook, part)
    with runkit.sandbox(speed=60, history=60, seed=7) as box:  # as the notebooks expect
        say(f"Notebooks in {folder}/, sandbox at {box.url}. Press Ctrl-C to stop both.")
        options = ["--LabApp.news_url=None"]
        options += ["--ServerApp.open_browser=False"] if arguments.no_browser else []
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in most containers
            options.append("--allow-root")
        # -P: JupyterLab must not import modules from the current directory
        python = [sys.executable, "-P", "-m", "jupyterlab"]
        command = [*python, str(folder), f"--port={arguments.port}", *options]
        # Even without a news URL, JupyterLab asks about news; the question would cover the first notebook.
        configs = filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(LAB_CONFIG)])
        environment = os.environ | {
            "RUNKIT_SANDBOX_URL": box.url,
            "RUNKIT_SANDBOX_KEY": box.key,
            "JUPYTER_CONFIG_PATH": os.pathsep.join(configs),
        }
        return _wait_for(command, environment)


def _wait_for(command: list[str], environment: dict[str, str]) -> int:
    """Run a program until it ends or a signal stops it; return its exit code.

    A signal terminates it once and waits. If JupyterLab is killed at once (as `subprocess.run` does on
    Ctrl-C) or gets two signals, its kernels or files remain. So it does not receive Ctrl-C itself.
    """

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    is_posix = os.name == "posix"
    signals = [signal.SIGTERM, *([signal.SIGHUP] if is_posix else [])]
    before = [(number, signal.signal(number, stop)) for number in signals]
    process = subprocess.Popen(command, env=environment, process_group=0 if is_posix else None)  # noqa: S603
    try:
        return process.wait()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
