"""Tests a running Reef with third-party API tools and generated clients, as `cargo xtask apitest` does.

The last lines are `N passed (S s)` and, after a failure, `N failed`.
"""

import pathlib
import subprocess
import sys
import time

import python_journey
import schemathesis_runs
import typescript_journey
from reef import Reef

HERE = pathlib.Path(__file__).parent
GENERATED = HERE / "generated"


def clients():
    """Generates both clients from the OpenAPI document and runs a customer journey with each."""
    with Reef() as reef:
        GENERATED.mkdir(exist_ok=True)
        document = GENERATED / "openapi.json"
        document.write_text(reef.command("openapi"))
        checker = pathlib.Path(sys.executable).with_name("openapi-spec-validator")
        subprocess.run([checker, document], check=True, timeout=60, stdout=subprocess.DEVNULL)
        print("  ok  openapi-spec-validator")
        generator = pathlib.Path(sys.executable).with_name("openapi-python-client")
        subprocess.run(
            [generator, "generate", "--path", document, "--output-path", GENERATED / "reef_client", "--meta", "none",
             "--overwrite", "--fail-on-warning", "--config", HERE / "python_client.yaml"], check=True, timeout=120,
        )
        sys.path.insert(0, str(GENERATED))
        yield 1, 0
        yield python_journey.main(reef)
        yield typescript_journey.main(reef, document)


def main():
    started = time.monotonic()
    passed = failed = 0
    for part in (clients, lambda: [schemathesis_runs.main()]):
        try:
            for more_passed, more_failed in part():
                passed, failed = passed + more_passed, failed + more_failed
        except (OSError, RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
            print(f"  {type(error).__name__}: {error}")
            failed += 1
    print(f"  {passed} passed ({time.monotonic() - started:.1f} s)")
    if failed:
        print(f"  {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
