"""What a person answers with, inside the notebook."""
