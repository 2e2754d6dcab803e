"""`python -m runkit` is `runkit`."""

import sys

from runkit.shell.cli import main

sys.exit(main())
