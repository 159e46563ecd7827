from fennwick_context_helpers import who_and_where


def rule(event):
    return (
        event.get("eventSource") == "cloudtrail.amazonaws.com"
        and event.get("eventName") in {"StopLogging", "DeleteTrail"}
        and not event.get("errorCode")
    )


def title(event):
    trail = event.deep_get("requestParameters", "name", default="unknown")
    return f"AWS: the audit trail {trail} was switched off"


def alert_context(event):
    return who_and_where(event, trail=event.deep_get("requestParameters", "name", default="unknown"))
