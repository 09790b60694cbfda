#!/usr/bin/env bash
# The exit code of the job: 2 invalid, 1 slower or a failed case, 3 suspect, as far as fail-on asks for it.
set -euo pipefail

case "$RUN_CODE" in
  0) ;;
  1) [ "$INPUT_FAIL_ON" = never ] || exit 1 ;;
  *) exit "${RUN_CODE:-2}" ;;
esac
case "$INPUT_FAIL_ON/$VERDICT" in
  slower/slower | suspect/slower) exit 1 ;;
  suspect/suspect) exit 3 ;;
esac
