"""Compiles journey.ts with the unchanged client that openapi-typescript generates, in strict mode, and runs it."""

import json
import os
import pathlib
import subprocess

from reef import CALLBACK_URL

HERE = pathlib.Path(__file__).parent
LIMIT_S = 120


def run(*command, environment=None):
    """Runs a command. Returns whether it succeeded, and its output."""
    result = subprocess.run(
        command, cwd=HERE, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False,
    )
    return result.returncode == 0, result.stdout


def main(reef, document):
    """Returns `(passed, failed)`."""
    tools = HERE / "node_modules/.bin"
    for command in ([tools / "openapi-typescript", document, "--output", "generated/schema.d.ts"], [tools / "tsc"]):
        succeeded, output = run(*command)
        if not succeeded:
            print(output)
            return 0, 1
    owner = reef.account()
    journey = {
        "url": reef.url, "key": owner.key, "secret": reef.command("callback-secret", "--email", owner.email),
        "receiver": reef.receiver.url, "callbackUrl": CALLBACK_URL,
    }
    succeeded, output = run("node", "generated/journey.js", environment={**os.environ, "APITEST_JOURNEY": json.dumps(journey)})
    print(output, end="")
    return output.count("  ok  "), int(not succeeded)
