from fennwick_context_helpers import actor, who_and_where


def rule(event):
    return (
        event.get("eventType") == "user.session.start"
        and event.deep_get("outcome", "result") == "FAILURE"
        and event.deep_get("outcome", "reason") == "INVALID_CREDENTIALS"
    )


def title(event):
    return f"Okta: repeated wrong passwords of {actor(event)}"


def alert_context(event):
    return who_and_where(event)
