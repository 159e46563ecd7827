from fennwick_context_helpers import actor, who_and_where
from fennwick_helpers import is_company_address


def rule(event):
    return (
        event.get("eventType") == "user.mfa.factor.activate"
        and event.deep_get("outcome", "result") == "SUCCESS"
        and not is_company_address(event.deep_get("client", "ipAddress"))
    )


def title(event):
    return f"Okta: {actor(event)} enrolled a new factor outside the company network"


def alert_context(event):
    return who_and_where(event, factor=event.deep_get("debugContext", "debugData", "factor", default="unknown"))
