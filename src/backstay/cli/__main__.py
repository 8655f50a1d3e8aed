"""``python -m backstay.cli``: the same as ``backstay``."""

from __future__ import annotations

import sys

from backstay.cli import main

sys.exit(main())
