#!/usr/bin/env bash
# Runs a test program until its first test fails: then a mutant is caught, and tests that wait for what never comes need not
# be waited for. The program is a process group, which ends with all that the tests have started.
set -m
results=$(mktemp -u)
mkfifo "$results"
"$@" >"$results" &
program=$!
trap 'kill -KILL -- "-$program" 2>/dev/null; rm -f "$results"' EXIT
trap 'exit 143' TERM INT
exec 3<"$results"
while true; do
  # Not for ever: a signal is seen between two reads only.
  IFS= read -r -t 1 part <&3
  status=$?
  line+=$part
  case $status in
    0)
      printf '%s\n' "$line"
      [[ $line != 'test '*' ... FAILED' ]] || exit 101
      line=
      ;;
    1) break ;;
  esac
done
wait "$program"
