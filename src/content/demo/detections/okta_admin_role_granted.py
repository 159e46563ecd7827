from fennwick_context_helpers import actor, who_and_where

GRANTS = {"user.account.privilege.grant", "group.privilege.grant"}


def rule(event):
    return event.get("eventType") in GRANTS and event.deep_get("outcome", "result") == "SUCCESS"


def receiver(event):
    targets = event.get("target") or []
    if not targets:
        return "unknown"
    return targets[0].get("alternateId") or "unknown"


def title(event):
    return f"Okta: {actor(event)} gave an administrator role to {receiver(event)}"


def alert_context(event):
    return who_and_where(
        event,
        receiver=receiver(event),
        role=event.deep_get("debugContext", "debugData", "privilegeGranted", default="unknown"),
    )
