#!/usr/bin/env bash
# Installs this action's own code, or the requirement that the input names.
set -euo pipefail

if [ "$INPUT_INSTALL" = action ]; then
  INPUT_INSTALL=$GITHUB_ACTION_PATH
fi
python -m pip install --disable-pip-version-check --quiet -- "$INPUT_INSTALL"
