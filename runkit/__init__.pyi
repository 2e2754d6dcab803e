from runkit import errors as errors
from runkit.analysis.compare import changes as changes
from runkit.analysis.compare import compare as compare
from runkit.analysis.decisions import decisions as decisions
from runkit.analysis.search import search as search
from runkit.api.models import Run as Run
from runkit.charts.gantt import gantt as gantt
from runkit.client.client import Client as Client
from runkit.client.run_list import RunList as RunList
from runkit.errors import RunkitError as RunkitError
from runkit.local.answer_log import answer_log as answer_log
from runkit.reports.redaction import Redaction as Redaction
from runkit.reports.report import report as report
from runkit.reports.report_data import report_data as report_data
from runkit.screens import fleet as fleet
from runkit.screens import one_run as one_run
from runkit.screens.overview import overview as overview
from runkit.server.sandbox import sandbox as sandbox
from runkit.tables.frames import Frames as Frames
from runkit.tables.read_frames import frames as frames
from runkit.widgets.interrupt_form import InterruptForm as InterruptForm
from runkit.widgets.interrupt_inbox import InterruptInbox as InterruptInbox
from runkit.widgets.run_monitor import RunMonitor as RunMonitor

__version__: str
