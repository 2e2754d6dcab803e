"""Widgets that show runs and take answers inside the notebook.

interrupt_form   `InterruptForm`: one question of a run
interrupt_inbox  `InterruptInbox`: everything that waits for a reviewer
run_monitor      `RunMonitor`: a live run, with its question above the chart when it pauses
_question        one question: its value, its digest, what became of it, and its receipt
_questionnaire   the inputs of a question, and the answer that they make
_answer_states   the states of an answer and their transitions, without widgets
_case            the evidence of a question, and the case of its business
_drafts          entries that were not sent yet
_static_form     what a card shows, as data for `static/card.js` and as HTML without a kernel
_card            the one widget behind all cards; `static/card.js` is its front end
_inbox_state     the state behind an inbox: what waits, and which question is open
_event_queue     one queue of events for each card, whose thread owns the state behind it
_page_messages   what a page and its kernel send each other
"""
