GRANTS = {"user.account.privilege.grant", "group.privilege.grant"}


def rule(event):
    return event.get("eventType") in GRANTS and event.deep_get("outcome", "result") == "SUCCESS"


def receiver(event):
    targets = event.get("target") or []
    if not targets:
        return "unknown"
    return targets[0].get("alternateId") or "unknown"


def title(event):
    who = event.deep_get("actor", "alternateId", default="unknown")
    return f"Okta: {who} gave an administrator role to {receiver(event)}"


def alert_context(event):
    return {
        "actor": event.deep_get("actor", "alternateId", default="unknown"),
        "remote_ip": event.deep_get("client", "ipAddress", default="unknown"),
        "receiver": receiver(event),
        "role": event.deep_get("debugContext", "debugData", "privilegeGranted", default="unknown"),
    }
