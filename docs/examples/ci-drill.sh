#!/bin/sh
# Rehearses a fail-over: ci-drill.sh SITE. Exit code 0: nothing stands in its way.
set -eu
site=${1:?which site would take over}
switchback check
switchback drill failover --to "$site" --no-input --junit drill.xml --metrics drill.prom
