# The doors of the project; each is a script that can be read and run by itself.
# One build configuration (release) and one build folder (.build) for everything: see docs/decisions/0002.

.PHONY: help demo test check bench release

help:
	@echo 'make demo      a tunnel to a sample app, from nothing (ONCE=1: fetch its page and end)'
	@echo 'make test      every test, black-box ones included'
	@echo 'make check     format, layering, warnings, documentation'
	@echo 'make bench     speed beside nginx and ssh in one run, into docs/performance.md (QUICK=1: short, prints only)'
	@echo 'make release   dist/daypass: stripped, Swift linked in'

demo:
	@Scripts/demo.sh

test:
	@Scripts/test.sh

check:
	@Scripts/check.sh

bench:
	@Scripts/bench.sh

release:
	@Scripts/release.sh
