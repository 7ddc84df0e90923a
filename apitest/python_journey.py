"""A complete customer journey with the unchanged client that openapi-python-client generates."""

import itertools
import sys

from reef import CALLBACK_URL, activation, bot_token, pay, wait_for
from standardwebhooks.webhooks import Webhook


def run_journey(reef):
    """Yields the name of each step after it has passed. A failed step raises an error."""
    from reef_client import AuthenticatedClient
    from reef_client.api import account as account_api
    from reef_client.api.account import get_me, list_models
    from reef_client.api.assistants import (
        activate_assistant, delete_assistant, get_assistant, get_assistant_status, list_assistant_events,
        list_assistants, purchase_assistant, redeploy_assistant, stop_assistant, update_assistant,
    )
    from reef_client.api.callbacks import list_callbacks, redeliver_callback, test_callback
    from reef_client.models import (
        ActivateRequest, ApiMode, AssistantResponse, DeliveryResponse, ErrorCode, ErrorResponse, PurchaseRequest,
        RedeployRequest, Status, StatusResponse, UpdateRequest,
    )

    assert account_api
    owner = reef.account()
    client = AuthenticatedClient(
        base_url=reef.url, token=owner.key, prefix="", auth_header_name="X-API-Key", timeout=40,
        raise_on_unexpected_status=True,
    )

    def expect_error(answer, status, code):
        assert isinstance(answer.parsed, ErrorResponse), answer
        assert (answer.status_code, answer.parsed.error.code) == (status, code), answer.content
        return answer.parsed.error

    stranger = AuthenticatedClient(base_url=reef.url, token="reef_live_x", prefix="", auth_header_name="X-API-Key")
    expect_error(get_me.sync_detailed(client=stranger), 401, ErrorCode.UNAUTHORIZED)
    assert get_me.sync(client=client).data.name == "apitest"
    models = list_models.sync(client=client, mode=ApiMode.BYOK).data
    assert all(ApiMode.BYOK in model.modes for model in models) and models
    yield "the key's permissions and the models"

    bought = purchase_assistant.sync(client=client, body=PurchaseRequest(api_mode=ApiMode.BYOK)).data
    deployment = bought.deployment_id
    body = ActivateRequest.from_dict(activation(bot_token("ok")))
    error = expect_error(activate_assistant.sync_detailed(deployment, client=client, body=body), 409, ErrorCode.INVALID_STATE)
    assert error.details.current_status == Status.PENDING_PAYMENT
    assert error.details.allowed_statuses == [Status.PURCHASED]
    yield "purchase; not yet paid"

    pay(bought.checkout_url)
    paid = wait_for("purchased", lambda: (lambda a: a if a.status == Status.PURCHASED else None)(
        get_assistant.sync(deployment, client=client).data))
    assert paid.is_prebuy and paid.worker_url is None and paid.current_period_end is not None
    yield "paid in the sandbox"

    bad = ActivateRequest(name="", model_id="", telegram_bot_token="")
    error = expect_error(activate_assistant.sync_detailed(deployment, client=client, body=bad), 400, ErrorCode.INVALID_REQUEST)
    assert {issue.path for issue in error.details.issues} == {"name", "modelId", "telegramBotToken"}
    activated = activate_assistant.sync(deployment, client=client, body=body)
    assert isinstance(activated, AssistantResponse) and activated.data.status == Status.DEPLOYING
    wait_for("active", lambda: status_of(get_assistant_status, deployment, client, StatusResponse) == Status.ACTIVE)
    assert get_assistant.sync(deployment, client=client).data.worker_url
    yield "activated, waited until active"

    others = [purchase_assistant.sync(client=client, body=PurchaseRequest(api_mode=mode)).data.deployment_id
              for mode in (ApiMode.MANAGED, ApiMode.BYOK)]
    page = list_assistants.sync_detailed(client=client, limit=2)
    cursor = page.headers["link"].split("cursor=")[1].split(">")[0]
    second = list_assistants.sync_detailed(client=client, limit=2, cursor=cursor)
    listed = [assistant.id for assistant in itertools.chain(page.parsed.data, second.parsed.data)]
    assert listed == [*reversed(others), deployment] and "link" not in second.headers
    expect_error(list_assistants.sync_detailed(client=client, cursor="x"), 400, ErrorCode.INVALID_REQUEST)
    yield "listed page by page"

    events = list_assistant_events.sync(deployment, client=client).data
    assert [event.status for event in events][:2] == [Status.ACTIVE, Status.DEPLOYING]
    tested = test_callback.sync(deployment, client=client)
    assert isinstance(tested, DeliveryResponse) and tested.data.url == CALLBACK_URL
    log = list_callbacks.sync(deployment, client=client).data
    assert tested.data.id in [delivery.id for delivery in log]
    again = redeliver_callback.sync(deployment, log[-1].id, client=client)
    assert isinstance(again, DeliveryResponse) and again.data.id == log[-1].id
    expect_error(redeliver_callback.sync_detailed(deployment, deployment, client=client), 404, ErrorCode.NOT_FOUND)
    yield "events and callbacks"

    expect_error(update_assistant.sync_detailed(deployment, client=client, body=UpdateRequest(name="x")), 409, ErrorCode.INVALID_STATE)
    assert stop_assistant.sync(deployment, client=client).data.status == Status.STOPPED
    assert update_assistant.sync(deployment, client=client, body=UpdateRequest(name="Renamed")).data.name == "Renamed"
    yield "stop, PATCH"

    assert redeploy_assistant.sync(deployment, client=client, body=RedeployRequest()).data.status == Status.DEPLOYING
    wait_for("active", lambda: status_of(get_assistant_status, deployment, client, StatusResponse) == Status.ACTIVE)
    yield "redeployed"

    assert delete_assistant.sync(deployment, client=client).data.success
    expect_error(get_assistant.sync_detailed(deployment, client=client), 404, ErrorCode.NOT_FOUND)
    yield "deleted; 404"

    secret = Webhook(reef.command("callback-secret", "--email", owner.email))
    got = wait_for("the last callback", lambda: (lambda all_: all_ if any(
        "assistant.deleted" in each["body"] for each in all_) else None)(callbacks_of(reef, deployment)))
    kinds = {secret.verify(each["body"], each["headers"])["type"] for each in got}
    assert kinds == {"assistant.status_changed", "assistant.test", "assistant.deleted"}, kinds
    yield "every callback verified by the standardwebhooks library"


def status_of(operation, deployment, client, response_type):
    answer = operation.sync(deployment, client=client, wait=2)
    assert isinstance(answer, response_type), answer
    return answer.data.status


def callbacks_of(reef, deployment):
    """Returns the callbacks of this assistant."""
    return [each for each in reef.receiver.received if str(deployment) in each["body"]]


def main(reef):
    """Returns `(passed, failed)`."""
    passed = 0
    try:
        for step in run_journey(reef):
            passed += 1
            print(f"  ok  python client: {step}")
    except Exception as error:  # pylint: disable=broad-exception-caught
        sys.excepthook(type(error), error, error.__traceback__)
        print(f"  python client: failed after {passed} steps")
        return passed, 1
    return passed, 0
