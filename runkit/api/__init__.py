"""What Middesk's API says: words, times, objects, questions, and the check of its JSON."""
