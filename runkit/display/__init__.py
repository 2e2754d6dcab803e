"""How things read: in a notebook, a page and a terminal.

text          escaping, labels, counts, durations, times; where text and templates become HTML
colors        the colors of both themes, in Python and as CSS variables
messages      the keys in use, which no message shows, the log, and how far long work is
"""
