#!/usr/bin/env bash
# Installs this action's own code, with the extras in brackets, or the requirement that the input names.
set -euo pipefail

case $INPUT_INSTALL in
action | action\[*\]) INPUT_INSTALL=$GITHUB_ACTION_PATH${INPUT_INSTALL#action} ;;
esac
python -m pip install --disable-pip-version-check --quiet -- "$INPUT_INSTALL"
