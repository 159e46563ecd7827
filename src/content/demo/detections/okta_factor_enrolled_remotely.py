COMPANY_ADDRESSES = {"192.0.2.10", "192.0.2.11", "192.0.2.20"}


def rule(event):
    return (
        event.get("eventType") == "user.mfa.factor.activate"
        and event.deep_get("outcome", "result") == "SUCCESS"
        and event.deep_get("client", "ipAddress") not in COMPANY_ADDRESSES
    )


def title(event):
    who = event.deep_get("actor", "alternateId", default="unknown")
    return f"Okta: {who} enrolled a new factor outside the company network"


def alert_context(event):
    return {
        "actor": event.deep_get("actor", "alternateId", default="unknown"),
        "remote_ip": event.deep_get("client", "ipAddress", default="unknown"),
        "factor": event.deep_get("debugContext", "debugData", "factor", default="unknown"),
    }
