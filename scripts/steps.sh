# Steps with a name and a duration. Sourced, not run.
# On a terminal the running step counts its seconds; elsewhere there is one plain line a step.

steps_log=${steps_log:-$(mktemp)}

# step NAME COMMAND…: runs it, its output goes to the log; shows the log's end when it fails.
step() {
    local name=$1 began=$SECONDS ticker=
    shift
    if [ -t 1 ]; then
        ( while :; do printf '\r  … %s (%s s) ' "$name" $((SECONDS - began)); sleep 1; done ) &
        ticker=$!
    fi
    local status=0
    "$@" >>"$steps_log" 2>&1 || status=$?
    if [ -n "$ticker" ]; then kill "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null || true; printf '\r\033[K'; fi
    if [ $status -eq 0 ]; then
        printf '  ✓ %s (%s s)\n' "$name" $((SECONDS - began))
    else
        printf '  ✗ %s (%s s), exit code %s. The end of %s:\n\n' "$name" $((SECONDS - began)) $status "$steps_log"
        tail -n 60 "$steps_log"
        exit $status
    fi
}
