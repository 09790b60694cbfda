#!/usr/bin/env bash
# Refuses inputs that have no meaning, before anything is installed.
set -euo pipefail

refuse() {
  echo "::error title=inference_bench::$1"
  exit 2
}

case "$INPUT_FAIL_ON" in
  slower | suspect | never) ;;
  *) refuse "fail-on: expected slower, suspect or never." ;;
esac
case "$INPUT_KEEP" in
  true | false) ;;
  *) refuse "keep: expected true or false." ;;
esac
if [ -n "$INPUT_HISTORY" ] && [ -n "$INPUT_HISTORY_ARTIFACT" ]; then
  refuse "history and history-artifact: expected one of them."
fi
if [ "$INPUT_KEEP" = true ] && [ -z "$INPUT_HISTORY$INPUT_HISTORY_ARTIFACT" ]; then
  refuse "keep: expected history or history-artifact with it, where the run is kept."
fi
