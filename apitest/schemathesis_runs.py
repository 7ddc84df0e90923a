"""Two runs of Schemathesis with all checks: with generated ids, and with the ids of assistants in every status."""

import json
import os
import pathlib
import re
import subprocess
import sys

from reef import Reef

HERE = pathlib.Path(__file__).parent
SEED = "20260213"
# A run that takes longer than this hangs.
RUN_LIMIT_S = 300
STATUSES = ["pending_payment", "purchased", "active", "failed", "stopped"]


def run(name, account, extra, environment):
    """Runs Schemathesis. Returns the number of tested operations, or prints the output and returns 0 after a failure."""
    options = [
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--seed", SEED, "--max-examples", "25",
        "--generation-database", "none", "--no-color", "-H", f"X-API-Key: {account.key}",
    ]
    command = [str(pathlib.Path(sys.executable).with_name("schemathesis")), *extra, "run", *options,
               f"{account.reef.url}/api/openapi"]
    result = subprocess.run(
        command, cwd=account.reef.folder, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=RUN_LIMIT_S, check=False,
    )
    tested = re.search(r"^  Tested: (\d+)$", result.stdout, re.MULTILINE)
    cases = re.search(r"^  (\d+ generated.*)$", result.stdout, re.MULTILINE)
    if result.returncode != 0 or not tested or not cases:
        print(result.stdout[-20_000:], result.stderr[-2_000:], sep="\n")
        return 0
    print(f"  schemathesis, {name}: {tested[1]} operations, {cases[1]}")
    return int(tested[1])


def prepare(account):
    """Creates assistants in every status, one set to keep and one to delete."""
    lasting = [account.in_status(status) for status in STATUSES]
    lasting += [account.in_status("purchased", "managed"), account.in_status("stopped", "managed")]
    active = lasting[STATUSES.index("active")]
    return {
        "lasting": lasting, "disposable": [account.in_status(status) for status in STATUSES], "active": active,
        "deliveries": [delivery["id"] for delivery in account.call("GET", f"/{active}/callbacks")],
    }


def main():
    """Returns `(passed, failed)`, where the tested operations of both runs count as passed."""
    with Reef() as reef:
        # The runs use separate accounts, so that neither counts toward the other's limit of unpaid orders.
        other, account = reef.account(), reef.account()
        prepare(other)
        with_generated_ids = run("generated ids", other, [], {})
        live = prepare(account)
        hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "APITEST_LIVE": json.dumps(live)}
        with_existing_ids = run("ids of existing assistants", account, ["--config-file", str(HERE / "live.toml")], hooks)
        # No request may cause an internal error.
        errors = [line for line in reef.read_log().splitlines() if " ERROR " in line]
        print(*errors[:20], sep="\n", end="\n" if errors else "")
        failed = (not with_generated_ids) + (not with_existing_ids) + bool(errors)
        return with_generated_ids + with_existing_ids, failed
