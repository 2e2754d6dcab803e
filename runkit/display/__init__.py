"""How things read: in a notebook, a page and a terminal.

text          escaping, labels, counts, durations, times; where text and templates become HTML
colors        the colors of both themes, in Python and as CSS variables
messages      the log of runkit, lines in a terminal, and how far long work is
hide_keys     the API keys in use, which no message shows, and how a masked value looks
"""
