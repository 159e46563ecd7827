from fennwick_context_helpers import who_and_where


def rule(event):
    return event.get("eventName") == "CreateAccessKey" and not event.get("errorCode")


def title(event):
    return f"AWS: new access key for {event.udm('user') or 'unknown'}"


def alert_context(event):
    return who_and_where(event, user=event.udm("user") or "unknown")
