"""The client of the Agents API: `Client`, synchronous and safe to share between threads.

client        `Client`, which key goes to which host; `client.agents`, `.actions`, `.documents`
_runs         `client.runs`
businesses    `client.businesses`, `client.threads`, and which business each run is about
_reader       reads runs: one, many into a folder, and by the start of an id
run_list      lists that say what may be missing, and how they are read: `RunList`
resume        answers a question: sends it once, and logs it before and after: `deliver`
_http         requests: the rate limit, what is repeated, limits of time and size
_replies      from a response or an event to parsed JSON, or to an error that says what to do

Each call goes from its method to `Http.get` or `Http.post`, and from there once or more often to
httpx. `list` reads page by page (`run_list.Pages`); `fetch` reads several at once
(`run_list.read_each`). The longest is `client.runs.resume(run, id, answer)`:

1. `_runs` has the run, or reads it.
2. `api/question_kinds` checks the answer against the assumptions in `api/contract.md`.
3. `local/answer_log` logs it before it is sent.
4. `_http` sends it once, within the rate limit.
5. `resume` reads the run where the response does not show the question as closed.
6. `local/answer_log` logs what became of the answer: confirmed, unconfirmed, refused, failed or
   unknown. `resume.deliver`, which a form calls, too, returns the first two and raises the others.
"""

from runkit.client.client import Client
from runkit.client.run_list import RunList

__all__ = ["Client", "RunList"]
