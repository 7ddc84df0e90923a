"""Schemathesis hooks that use the ids of existing assistants. With generated ids nearly every request would get a 404."""

import itertools
import json
import os
import urllib.parse

import requests
import schemathesis
from schemathesis.core import NOT_SET
from schemathesis.core.parameters import ParameterLocation

# The prepared assistants: `lasting` and `disposable` deployment ids, and the webhook `deliveries` of the assistant `active`.
LIVE = json.loads(os.environ["APITEST_LIVE"])
LASTING = itertools.cycle(LIVE["lasting"])
DELIVERIES = itertools.cycle(LIVE["deliveries"])
# Longer values of `wait` are shortened to this many seconds.
WAIT_MAX = 1
BY_ID = ["getAssistant", "getAssistantStatus", "listAssistantEvents", "listCallbacks", "updateAssistant",
         "activateAssistant", "redeployAssistant", "stopAssistant", "testCallback", "deleteAssistant"]


def link(operation, source):
    return {"operationId": operation, "parameters": {"deploymentId": source}}


@schemathesis.hook
def before_load_schema(_, raw_schema):
    """Adds links between operations, so that an assistant is bought, read, changed, deleted and read again."""
    def responses(path, method):
        return raw_schema["paths"][path][method]["responses"]

    bought = responses("/api/v1/assistants/purchase", "post")["201"]
    bought["links"] = {name: link(name, "$response.body#/data/deploymentId") for name in BY_ID}
    deleted = responses("/api/v1/assistants/{deploymentId}", "delete")["200"]
    deleted["links"] = {name: link(name, "$request.path.deploymentId") for name in BY_ID}


@schemathesis.hook
def before_call(_, case, __):
    """Replaces valid generated ids with existing ones, and shortens long waits."""
    wait = str(case.query.get("wait", "")) if isinstance(case.query, dict) else ""
    if wait.isdecimal() and WAIT_MAX < int(wait) <= 30:
        case.query["wait"] = WAIT_MAX
    meta, path = case.meta, case.path_parameters
    if meta is None or meta.phase.name.value == "stateful" or path is NOT_SET or not path:
        return
    if meta.is_negative_at(ParameterLocation.PATH) or "deploymentId" not in path:
        return
    if case.method == "DELETE" and "personId" not in path and "factId" not in path:
        # Each assistant is deleted only once. Afterwards the generated ids are used.
        if LIVE["disposable"]:
            path["deploymentId"] = LIVE["disposable"].pop()
    elif "deliveryId" in path:
        path["deploymentId"], path["deliveryId"] = LIVE["active"], next(DELIVERIES)
    else:
        path["deploymentId"] = next(LASTING)


@schemathesis.hook
def after_call(_, case, response):
    """Pays for new assistants, so that later calls find paid ones."""
    if case.operation.definition.raw.get("operationId") == "purchaseAssistant" and response.status_code == 201:
        checkout = response.json()["data"]["checkoutUrl"]
        assert urllib.parse.urlsplit(checkout).hostname == "127.0.0.1", checkout
        requests.post(f"{checkout}/pay", allow_redirects=False, timeout=10).raise_for_status()


@schemathesis.check
def valid_requests_are_only_rejected_as_invalid_input(_, response, case):
    """A request that the schemas allow must not be malformed. It may only conflict with the assistant's mode, provider or
    model, which no schema can express."""
    if case.meta is not None and case.meta.generation.mode.is_positive and response.status_code == 400:
        error = response.json()["error"]
        code, issues = error["code"], error.get("details", {}).get("issues", [])
        # Languages and time zones come from registries, and no schema can say that the names in a list differ.
        if issues and all(issue["path"] in ("language", "timeZone") or issue["code"] == "duplicate" for issue in issues):
            return
        if code != "INVALID_INPUT":
            raise AssertionError(f"a request that the schemas allow returned {code}: {response.text}")
