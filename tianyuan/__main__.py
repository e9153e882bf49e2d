"""``python -m tianyuan``: the command line."""

from tianyuan.cli import main

raise SystemExit(main())
