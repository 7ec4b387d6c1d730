# make run    set up, build, start a collector and an agent of this machine
# make test   set up, every check and test
# make bench  the figures, as ratios against their peers
SHELL := /bin/bash
.DEFAULT_GOAL := help

DATA ?= $(CURDIR)/data
PORT ?= 8080
AGENT_PORT ?= 7443
ADMIN_PASSWORD ?=
export DATA PORT AGENT_PORT ADMIN_PASSWORD

.PHONY: help run test bench dashboard release clean

help:
	@echo 'make run        start a collector and an agent of this machine (DATA=dir PORT=8080 AGENT_PORT=7443 ADMIN_PASSWORD=...)'
	@echo 'make test       every check and test'
	@echo 'make bench      the figures, side by side with their peers'
	@echo 'make dashboard  build the web page only'
	@echo 'make release    build the programs only'

run:
	@scripts/run

test:
	@scripts/test

bench:
	@scripts/bench

dashboard:
	@scripts/setup build
	@scripts/dashboard

release: dashboard
	@scripts/with-tools cargo build --release -p soc-collector
	@scripts/with-tools cargo build --profile small -p soc-agent

clean:
	rm -rf target collector/dashboard/dist collector/dashboard/node_modules tests/browser/node_modules
