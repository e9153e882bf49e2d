"""``python -m bench``: every question in turn."""

from bench import bench_spine, bench_transformations

bench_spine.main()
bench_transformations.main()
