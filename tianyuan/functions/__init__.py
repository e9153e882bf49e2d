"""What users call on arrays. Importing this package gives ``Array`` its operators and methods."""

from tianyuan.functions import operators as operators
