"""How things read: in a notebook, a page and a terminal.

text          escaping, labels, counts, durations and times; the one place where text becomes HTML
colors        the colors of both themes
templates     HTML and CSS from templates of Jinja
messages      the log of runkit, lines in a terminal, and how far long work is
hide_keys     the API keys in use, which no message shows, and how a masked value looks
"""
