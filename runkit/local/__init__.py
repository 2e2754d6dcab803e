"""What stays on this machine.

answer_log    the log of sent answers, and drafts of others, in one private file: `answer_log`
files         files and folders that only their owner can read
secret        an API key as an object that never shows itself
"""
