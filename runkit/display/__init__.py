"""How things read: counts and spans that know what they do not know."""
