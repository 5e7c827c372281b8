"""`make bench`: how fast it is."""

from benchmarks import plan

plan.main()
