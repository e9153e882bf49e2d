"""``python -m bench``: every question in turn."""

from bench import bench_spine

bench_spine.main()
