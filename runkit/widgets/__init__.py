"""Widgets that show runs and take answers inside the notebook, made of plain ipywidgets.

interrupt_form   `InterruptForm`: the questions of a run, one after the other
interrupt_inbox  `InterruptInbox`: what waits for a reviewer, over many runs
run_monitor      `RunMonitor`: a live run, with its question above the chart when it pauses
_answer_form     one question, its inputs, the button that sends, and its receipt
_inputs          the inputs of a question, and the answer that they make
_question        one open question, what a newer state of its run says of it, and its HTML
_work            work on the loop of the kernel, and the base of all widgets

A press on Send, from the page to the log and the wire:

1. `_work` puts it on the loop of the kernel; `_answer_form` takes it if the form is open.
2. `_inputs` makes the answer, by the line of its kind in `api/question_kinds`.
3. `_question` looks whether the same question is still open, in the run read anew by `client`.
4. `client/resume` logs the answer, sends it once, and logs what became of it.
5. `_answer_form` writes the sentence of the outcome; the owner opens the next question.
"""
