def rule(event):
    return event.get("eventType") == "user.mfa.okta_verify.deny_push"


def title(event):
    who = event.deep_get("actor", "alternateId", default="unknown")
    return f"Okta: {who} refused many sign-in pushes"


def alert_context(event):
    return {
        "actor": event.deep_get("actor", "alternateId", default="unknown"),
        "remote_ip": event.deep_get("client", "ipAddress", default="unknown"),
        "country": event.deep_get("client", "geographicalContext", "country", default="unknown"),
    }
