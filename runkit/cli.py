"""The command line: `runkit demo`, `lab`, `sandbox`, `fetch` and `report`.

Exit codes: 0 done, 1 something failed (one line says what), 2 wrong use, 3 done but not complete, 130 stopped
by Ctrl-C. What a command makes goes to the file that was asked for; what it says goes to stderr, except
for `demo`, whose words are what it is for.
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
from runkit.contract import RUN_STATUSES
from runkit.errors import MissingExtra, RunkitError, UsageError
from runkit.files import file_at, folder_at, replacing, usable
from runkit.progress import say
from runkit.reports.templates import find_template, notebooks
from runkit.tables.sources import SUFFIXES, records_of
from runkit.text import UNSEEN, plural, visible

FAILED, WRONG_USE, NOT_COMPLETE, INTERRUPTED = 1, 2, 3, 130
STOPS_WITHIN = 15.0  # seconds in which JupyterLab ends its kernels; it takes two
LAB_CONFIG = Path(__file__).parent / "static"  # JupyterLab's defaults for `runkit lab`, below a user's own


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except UsageError as error:
        say(f"runkit {arguments.name}: {error}")
        return WRONG_USE
    except RunkitError as error:
        say(f"runkit {arguments.name}: {error}")
        return FAILED
    except BrokenPipeError:  # whoever read has what he wanted, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is written at the exit
        return FAILED
    except OSError as error:  # a full disk
        say(f"runkit {arguments.name}: not done: {error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints do not act on the terminal, whatever was given."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = _Parser(
        prog="runkit",
        description="Investigate runs of Middesk's agents.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 3 done but not complete, 130 stopped.",
    )
    root.add_argument("--version", action="version", version=f"runkit {runkit.__version__}")
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")

    for name, command, add_options, words in (
        (
            "demo",
            demo,
            _demo_options,
            "run a handful of agents on the embedded sandbox and look at their runs",
        ),
        ("lab", lab, _lab_options, "open JupyterLab on runkit's notebooks, with the sandbox behind it"),
        ("sandbox", sandbox, _sandbox_options, "serve the embedded sandbox on loopback until Ctrl-C"),
        ("fetch", fetch, _fetch_options, "save runs with their steps; reads only, never writes to the API"),
        ("report", report, _report_options, "make one offline HTML file of runs, redacted; reads only"),
    ):
        sub = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        sub.set_defaults(command=command, name=name)
        add_options(sub)
    return root


def _demo_options(demo_: argparse.ArgumentParser) -> None:
    demo_.add_argument(
        "-o", "--output", type=Path, default=Path("runkit-demo"), help="folder for the page (runkit-demo)"
    )
    demo_.add_argument("--speed", type=positive, default=300, help="virtual seconds in a real one (300)")


def _lab_options(lab_: argparse.ArgumentParser) -> None:
    folder = Path("runkit-notebooks")
    lab_.add_argument("--folder", type=Path, default=folder, help=f"where to put the notebooks ({folder})")
    lab_.add_argument("--port", type=int, default=8888, help="JupyterLab's port, or the next free one (8888)")
    lab_.add_argument("--no-browser", action="store_true", help="only say the address")


def _sandbox_options(sandbox_: argparse.ArgumentParser) -> None:
    sandbox_.add_argument("--port", type=int, default=0, help="port of 127.0.0.1 (any free one)")
    sandbox_.add_argument("--db", type=Path, help="file that keeps everything over a restart (in memory)")
    sandbox_.add_argument("--speed", type=positive, default=60, help="virtual seconds in a real one (60)")
    sandbox_.add_argument("--seed", type=int, default=0, help="equal seeds give equal runs (0)")
    sandbox_.add_argument("--history", type=int, default=0, help="past runs to begin with (0)")
    sandbox_.add_argument(
        "--policy", choices=["manual", "auto_approve", "skip"], help="interrupt policy (manual)"
    )
    sandbox_.add_argument(
        "--latency", type=positive, default=0, metavar="S", help="seconds that every request takes longer (0)"
    )
    sandbox_.add_argument(
        "--limit", type=int, metavar="N", help="429 beyond this many requests a second (no limit)"
    )
    sandbox_.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="what else goes wrong, as 'refuse GET /runs status=502 chance=0.1'; may be repeated",
    )


def _fetch_options(fetch_: argparse.ArgumentParser) -> None:
    fetch_.add_argument(
        *("-o", "--output"),
        required=True,
        help="runs/ for an archive, which is brought up to date; runs.ndjson, runs.ndjson.gz; - for stdout",
    )
    fetch_.add_argument("--status", choices=RUN_STATUSES, help="only runs that stand there")
    fetch_.add_argument("--since", metavar="T", help="only runs created at or after this ISO 8601 time")
    fetch_.add_argument("--until", metavar="T", help="only runs created before this ISO 8601 time")
    fetch_.add_argument("--business", metavar="ID", help="only runs about this business")
    fetch_.add_argument("--limit", type=int, metavar="N", help="at most this many, newest first")
    _add_sandbox(fetch_)


def _report_options(report_: argparse.ArgumentParser) -> None:
    report_.add_argument(
        "source", nargs="+", metavar="RUN", help="run ids, or one file or archive that `runkit fetch` wrote"
    )
    report_.add_argument(
        "--run",
        action="append",
        default=[],
        metavar="ID",
        help="only this run of the file or archive; may be repeated",
    )
    report_.add_argument("-o", "--output", required=True, help="report.html; the notebook goes beside it")
    report_.add_argument(
        "--template", default="run", help="run, compare, fleet, or a notebook of your own (run)"
    )
    report_.add_argument("--title", help="heading of the report")
    report_.add_argument("--mask", action="append", default=[], metavar="NAME=REGEX", help="mask this, too")
    report_.add_argument(
        "--reveal", action="append", default=[], metavar="RULE", help="do not mask: email, …"
    )
    report_.add_argument(
        "--keep-last", type=int, default=0, metavar="N", help="last digits of tax numbers to keep (0)"
    )
    _add_sandbox(report_)


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sandbox",
        action="store_true",
        help="from the sandbox of RUNKIT_SANDBOX_URL; otherwise from Middesk with MIDDESK_API_KEY",
    )


def positive(text: str) -> float:
    """Read a positive number."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def demo(arguments: argparse.Namespace) -> int:
    """`runkit demo`."""
    from runkit.demo import show

    show(arguments.output, speed=arguments.speed)
    return 0


def sandbox(arguments: argparse.Namespace) -> int:
    """`runkit sandbox`."""
    from runkit.server import serve

    def announce(url: str, key: str) -> None:
        say(f"export RUNKIT_SANDBOX_URL={url}\nexport RUNKIT_SANDBOX_KEY={shlex.quote(key)}", file=sys.stdout)
        say("Serving on loopback only. With these two lines in another shell, runkit.sandbox() joins it.")
        say("Ctrl-C stops it.")

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
        runs = client.runs.fetch(listed)
        for run in runs:
            file.write(_escape_unseen(run.to_json()).encode() + b"\n")
    to = "stdout" if arguments.output == "-" else arguments.output
    say(f"{plural(len(runs), 'run')} from {client.host} ({client.mode}) saved to {to}")
    is_cut_as_asked = arguments.limit is not None and len(listed) == arguments.limit
    why = [words for words in (None if is_cut_as_asked else listed.why, runs.why) if words]
    if why:
        say("not complete: " + "; ".join(why))
    return NOT_COMPLETE if why else 0


def _escape_unseen(json_text: str) -> str:
    """Write as escapes of JSON what cannot be seen: the data stay the same, and act on no terminal."""
    return UNSEEN.sub(lambda sign: json.dumps(sign[0])[1:-1], json_text)


def _sync(arguments: argparse.Namespace, filters: dict[str, Any]) -> int:
    """Bring an archive up to date; it is written as runs arrive, so the same command goes on from there."""
    archive = runkit.Archive(arguments.output)
    with _reader(is_sandbox=arguments.sandbox) as client:
        synced = archive.sync(client, **filters)
    say(f"{synced} of {arguments.output}")
    if synced.is_interrupted:
        return INTERRUPTED
    return 0 if synced.is_complete else NOT_COMPLETE


def _is_folder(name: str) -> bool:
    return name.endswith(("/", os.sep)) or usable(name).is_dir()


def _reader(*, is_sandbox: bool) -> runkit.Client:
    """Give a client that only reads, of the joined sandbox or of the real API."""
    if not is_sandbox:
        if not os.environ.get(KEY_NAME):
            raise UsageError(f"{KEY_NAME} is not set in this shell; export it, or use --sandbox.")
        return runkit.Client(read_only=True)
    if "RUNKIT_SANDBOX_URL" not in os.environ:
        raise UsageError("--sandbox: RUNKIT_SANDBOX_URL is not set; start `runkit sandbox` and set it.")
    return runkit.sandbox().client(read_only=True)


def report(arguments: argparse.Namespace) -> int:
    """`runkit report`."""
    from runkit.reports.report import check_installed, output_paths

    check_installed()
    policy = runkit.Redaction(
        patterns=dict(map(_rule, arguments.mask)), reveal=arguments.reveal, keep_last=arguments.keep_last
    )
    output_paths(arguments.output)
    find_template(arguments.template)  # all this before anything is fetched
    result = runkit.report(
        _report_source(arguments),
        arguments.output,
        template=arguments.template,
        redact=policy,
        title=arguments.title,
    )
    say(result, file=sys.stdout)
    return 0


def _report_source(arguments: argparse.Namespace) -> object:
    """Give what a report is about: a file or an archive, some of its runs, or runs of the API."""
    names: list[str] = arguments.source
    files = [name for name in names if _is_folder(name) or name.removesuffix(".gz").endswith(SUFFIXES)]
    if files and len(names) > 1:
        raise UsageError(
            f"{files[0]} is a file or an archive; expected one, or only run ids. For one of its runs: "
            f"runkit report {files[0]} --run ID -o {arguments.output}"
        )
    if files:
        source = runkit.Archive(files[0]) if _is_folder(files[0]) else files[0]
        return _select_runs(source, arguments.run) if arguments.run else source
    if arguments.run:
        raise UsageError("--run picks runs of a file or an archive; expected one before it, or only run ids.")
    for name in names:
        if usable(name).exists():  # it must not be sent as an id
            raise UsageError(f"{name} is no file of runs; expected {', '.join(SUFFIXES)}, or a run's id.")
    with _reader(is_sandbox=arguments.sandbox) as client:
        runs = client.runs.fetch(names)
    if runs.errors:
        raise next(iter(runs.errors.values()))
    return runs


def _select_runs(source: str | runkit.Archive, run_ids: list[str]) -> object:
    """Give the runs with these ids as `runkit.report` takes them: all copies that there are of each."""
    pinned = getattr(source, "pinned", source)  # an archive that others write to meanwhile
    runs = [record.raw for record in records_of(pinned) if isinstance(record.raw, dict)]
    selected = [raw for raw in runs if raw.get("id") in run_ids]
    known = [raw["id"] for raw in selected]
    missing = ", ".join(run_id for run_id in run_ids if run_id not in known)
    if missing:
        raise UsageError(f"--run {missing}: not among the {plural(len(runs), 'run')} that were given.")
    return SimpleNamespace(runs=lambda: iter(selected), version=getattr(pinned, "version", None))


def _rule(given: str) -> tuple[str, str]:
    name, sign, pattern = given.partition("=")
    if not sign:
        raise UsageError(f"--mask {given}: expected NAME=REGEX, such as licence=LIC-[0-9]+.")
    return name, pattern


@contextmanager
def _output(name: str) -> Iterator[IO[bytes]]:
    """Stdout, or a file for its owner only that takes its place, whole, when all went well."""
    if name == "-":
        yield sys.stdout.buffer
        return
    path = file_at(name)
    if not path.name.removesuffix(".gz").endswith((".ndjson", ".jsonl")):
        raise UsageError(
            f"-o {name}: expected a name ending in .ndjson, .jsonl, either with .gz, or -; or an "
            "archive's folder, ending in /."
        )
    with ExitStack() as stack:
        try:
            part = stack.enter_context(replacing(path))
        except OSError as error:
            raise UsageError(f"-o {name}: cannot be written ({error.strerror}).") from None
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
        if not target.exists():  # what an analyst changed is kept
            with replacing(target) as part:  # what is worked out in it may be about customers
                shutil.copyfile(notebook, part)
    with runkit.sandbox(speed=60, history=60, seed=7) as box:  # the notebooks join it, and ask for this much
        say(f"Notebooks in {folder}/ on the sandbox at {box.url}. Ctrl-C stops both.")
        options = ["--LabApp.news_url=None"]
        options += ["--ServerApp.open_browser=False"] if arguments.no_browser else []
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in most containers
            options.append("--allow-root")
        # -P: JupyterLab takes no module from the folder in which somebody happens to be
        python = [sys.executable, "-P", "-m", "jupyterlab"]
        command = [*python, str(folder), f"--port={arguments.port}", *options]
        # JupyterLab asks for its news even without their URL; its question would cover the first notebook.
        configs = filter(None, [os.environ.get("JUPYTER_CONFIG_PATH"), str(LAB_CONFIG)])
        environment = os.environ | {
            "RUNKIT_SANDBOX_URL": box.url,
            "RUNKIT_SANDBOX_KEY": box.key,
            "JUPYTER_CONFIG_PATH": os.pathsep.join(configs),
        }
        return _wait_for(command, environment)


def _wait_for(command: list[str], environment: dict[str, str]) -> int:
    """Run a program until it ends, or until it is to be stopped; gives its exit code.

    Then it is asked once, and waited for: JupyterLab, killed as soon as Ctrl-C comes (as `subprocess.run`
    does) or asked twice, leaves its kernels or its files behind. So it hears no Ctrl-C of its own.
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
                process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
