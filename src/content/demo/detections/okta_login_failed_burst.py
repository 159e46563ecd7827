def rule(event):
    return (
        event.get("eventType") == "user.session.start"
        and event.deep_get("outcome", "result") == "FAILURE"
        and event.deep_get("outcome", "reason") == "INVALID_CREDENTIALS"
    )


def title(event):
    who = event.deep_get("actor", "alternateId", default="unknown")
    return f"Okta: repeated wrong passwords of {who}"


def alert_context(event):
    return {
        "actor": event.deep_get("actor", "alternateId", default="unknown"),
        "remote_ip": event.deep_get("client", "ipAddress", default="unknown"),
    }
