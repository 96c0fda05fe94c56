# Everything builds outside the checkout, under $XDG_CACHE_HOME/kubectl-imagepull (~/.cache), except the thin Python
# environment in build/.
SHELL := /bin/sh
ENV := build/env
PY := $(ENV)/bin/python
.DEFAULT_GOAL := help

.PHONY: help env demo demo-here test check unit e2e oracle lab lab-down lab-status lab-shell record bench dist docs clean

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

env: ## the Python environment in build/env
	@tools/env.sh >/dev/null
	@$(PY) -m compileall -q kubectl_imagepull probes # a start compiles nothing, also where Python is told to keep no byte code

demo: ## start the lab, break pods on both nodes, run `why` on each (FAILURES="expired scheme": these alone)
	@if [ "$$(uname -s)" != Linux ] || [ "$$(id -u)" != 0 ]; then \
		echo "make demo builds a cluster in network namespaces: it needs Linux and root. On any cluster: make demo-here" >&2; exit 2; fi
	@$(MAKE) --no-print-directory env
	@$(PY) -m tests.lab.demo $(FAILURES)

demo-here: env ## the failures that any cluster can show, in a throw-away namespace of the current context
	@$(PY) -m tests.lab.demo --here

test: ## everything: lint, types, layers, unit, golden, probes, oracle, the lab's end-to-end tests
	@$(MAKE) --no-print-directory env
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory e2e
	@$(MAKE) --no-print-directory lab-test

check: env ## lint, types, import layers, what nothing reaches, the probes' oldest Python
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m mypy --config-file tools/mypy-probes.cfg -p probes
	$(PY) -c 'from importlinter.cli import lint_imports_command as c; c(["--no-cache"])'
	$(PY) -m tools.unreached
	$(PY) -c 'from vermin import main; main()' --no-tips --violations --eval-annotations --backport dataclasses -t=3.9- probes

unit: env ## the tests that need neither root nor a cluster
	@$(PY) -m pytest -m "not lab and not alone" -n 3 --dist loadfile
	@$(PY) -m pytest -m "not lab and alone"

# one after another: two cores that run several labs side by side let pods start too late
e2e: env ## the command on the lab
	@$(PY) -m tests.lab build
	@$(PY) -m pytest --durations 25 tests/e2e

lab-test: env ## the lab itself: every fault it makes, and that it leaves nothing behind; kubectl's record
	@$(PY) -m pytest -m lab tests/lab tests/conformance

oracle: env ## many random cases against the kubelet's own code
	@$(PY) -m tests.oracle --references 200000 --keyrings 50000 --challenges 50000

lab: env ## start the lab and print its kubeconfig
	@$(PY) -m tests.lab up

lab-down: env ## stop the lab and remove every trace
	@$(PY) -m tests.lab down

lab-status: env ## what of the lab runs
	@$(PY) -m tests.lab status

lab-shell: env ## a shell on the lab's workstation
	@$(PY) -m tests.lab shell

record: env ## record the cases of tests/cases anew on the lab, and compare their verdicts
	@$(PY) -m tests.lab up >/dev/null
	@$(PY) -m tests.cases.record

bench: env ## docs/performance.md: what it costs beside what people use today, half an hour (LINES="why check": these alone)
	@$(PY) -m tests.bench $(LINES)

dist: env ## wheel, single-file archive and krew manifest in dist/
	@$(PY) tools/dist.py

docs: ## the documentation as a site in build/site; a link that leads nowhere fails
	@python3 -m tools.docs

clean: ## remove what was built in the checkout
	rm -rf build dist *.egg-info kubectl_imagepull/node/vendor.zip
