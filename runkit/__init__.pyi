from runkit import errors as errors
from runkit.analysis.actions import actions as actions
from runkit.analysis.decisions import decisions as decisions
from runkit.analysis.export import to_otlp as to_otlp
from runkit.analysis.export import to_perfetto as to_perfetto
from runkit.answers import answer_log as answer_log
from runkit.archive.archive import Archive as Archive
from runkit.charts import fleet as fleet
from runkit.charts import one_run as one_run
from runkit.charts.gantt import gantt as gantt
from runkit.charts.overview import overview as overview
from runkit.client import Client as Client
from runkit.client import RunList as RunList
from runkit.errors import RunkitError as RunkitError
from runkit.models import Run as Run
from runkit.reports.data import report_data as report_data
from runkit.reports.redaction import Redaction as Redaction
from runkit.reports.report import report as report
from runkit.server import sandbox as sandbox
from runkit.tables.compare import compare as compare
from runkit.tables.frames import Frames as Frames
from runkit.tables.frames import frames as frames
from runkit.widgets.feedback import FeedbackForm as FeedbackForm
from runkit.widgets.form import InterruptForm as InterruptForm
from runkit.widgets.inbox import InterruptInbox as InterruptInbox
from runkit.widgets.monitor import RunMonitor as RunMonitor

__version__: str
