"""`python -m runkit` is `runkit`."""

import sys

from runkit.cli import main

sys.exit(main())
