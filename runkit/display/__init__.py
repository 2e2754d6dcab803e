"""How things read: in a notebook, a page and a terminal.

text          escaping, durations, times and labels; the one place where text becomes HTML
counts        words for numbers: how many of what is known, and how long
colors        the colors of both themes
templates     HTML and CSS from templates of Jinja
progress      messages and bars in a terminal
log           the log of runkit
hide_keys     the API keys in use, which no message shows, and how a masked value looks
"""
