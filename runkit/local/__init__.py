"""What stays on this machine: the log of answers, private files, the key as an object."""
