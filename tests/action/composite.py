"""Runs the steps of a composite action as GitHub's runner does, as far as ``action.yml`` needs it.

A step's script runs in bash with its ``env``, ``GITHUB_OUTPUT`` and ``GITHUB_STEP_SUMMARY``; ``${{ … }}`` and ``if``
are evaluated. Of actions that steps use, uploading copies into a folder and setting up Python only records the version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_REFERENCE = re.compile(r"\b(inputs|steps|github)\.([\w.-]+)")
_STATUS = re.compile(r"\b(always|failure|success)\(\)")


@dataclass
class Step:
    """What happened in a step: ``code`` is None if it was skipped or used another action."""

    name: str
    code: int | None = None
    said: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """One use of the action.

    Attributes:
        action: folder of the action.
        inputs: given ones; the others have their defaults.
        workspace: current folder of the steps.
        temporary: for the runner.
        environment: of the steps.
        github: values of the context ``github``.
    """

    action: Path
    inputs: dict[str, str]
    workspace: Path
    temporary: Path
    environment: dict[str, str]
    github: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    summary: str = ""
    artifacts: dict[str, Path] = field(default_factory=dict)
    code: int = 0

    def run(self) -> Job:
        """Carry out all steps."""
        definition: dict[str, Any] = yaml.safe_load((self.action / "action.yml").read_text())
        unknown = self.inputs.keys() - definition["inputs"].keys()
        assert not unknown, unknown
        self.inputs = {name: str(of.get("default", "")) for name, of in definition["inputs"].items()} | self.inputs
        for number, step in enumerate(definition["runs"]["steps"]):
            done = Step(step["name"])
            self.steps[step.get("id", step["name"])] = done
            if self._holds(step.get("if", "success()")):
                self._carry_out(step, done, number)
        self.outputs = {name: self.text(of["value"]) for name, of in definition["outputs"].items()}
        return self

    def _carry_out(self, step: dict[str, Any], done: Step, number: int) -> None:
        if "uses" in step:
            self._use(step["uses"], {name: self.text(value) for name, value in step.get("with", {}).items()}, done)
            return
        assert step["shell"] == "bash"
        output, summary = (self.temporary / f"{name}-{number}" for name in ("output", "summary"))
        output.touch()
        summary.touch()
        environment = {
            **self.environment,
            **{name: self.text(value) for name, value in step.get("env", {}).items()},
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": os.fspath(self.action),
            "GITHUB_OUTPUT": os.fspath(output),
            "GITHUB_STEP_SUMMARY": os.fspath(summary),
            "RUNNER_TEMP": os.fspath(self.temporary),
        }
        # As the runner starts `shell: bash`.
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.text(step["run"])]
        ended = subprocess.run(
            command, cwd=self.workspace, env=environment, text=True, capture_output=True, check=False, timeout=300
        )
        done.code, done.said = ended.returncode, ended.stdout + ended.stderr
        done.outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())  # type: ignore[misc]
        self.summary += summary.read_text()
        self.code = self.code or ended.returncode

    def _use(self, action: str, arguments: dict[str, str], done: Step) -> None:
        name = action.partition("@")[0]
        if name == "actions/upload-artifact":
            source, target = self.workspace / arguments["path"], self.temporary / "artifacts" / arguments["name"]
            if source.is_dir():
                shutil.copytree(source, target)
                self.artifacts[arguments["name"]] = target
        else:
            assert name == "actions/setup-python", action
        done.outputs = arguments

    def text(self, text: str) -> str:
        """Return a text with its expressions evaluated."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(self._value(found[1].strip())), str(text))

    def _holds(self, condition: str) -> bool:
        return bool(self._value(condition if _STATUS.search(condition) else f"success() && ({condition})"))

    def _value(self, expression: str) -> Any:
        states = {"always": True, "success": self.code == 0, "failure": self.code != 0}
        code = _STATUS.sub(lambda found: repr(states[found[1]]), expression)
        code = _REFERENCE.sub(lambda found: repr(self._looked_up(found[1], found[2])), code)
        for sign, word in (("&&", " and "), ("||", " or ")):
            code = code.replace(sign, word)
        return eval(re.sub(r"!(?!=)", " not ", code), {"__builtins__": {}})

    def _looked_up(self, context: str, name: str) -> str:
        if context == "inputs":
            return self.inputs[name]
        if context == "github":
            return self.github.get(name, "")
        step, _, output = name.partition(".outputs.")
        return self.steps[step].outputs.get(output, "") if step in self.steps else ""
