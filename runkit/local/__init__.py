"""What stays on this machine.

answer_log    the log of sent answers, in one private file: `answer_log`
fetch_files   what fetches wrote to a folder: a file for each, with its first and last record
files         files and folders that only their owner can read
"""
