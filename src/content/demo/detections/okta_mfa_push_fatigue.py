from fennwick_context_helpers import actor, who_and_where


def rule(event):
    return event.get("eventType") == "user.mfa.okta_verify.deny_push"


def title(event):
    return f"Okta: {actor(event)} refused many sign-in pushes"


def alert_context(event):
    return who_and_where(event, country=event.udm("country") or "unknown")
