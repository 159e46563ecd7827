REFUSALS = {"AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"}


def rule(event):
    return event.get("errorCode") in REFUSALS


def title(event):
    who = event.deep_get("userIdentity", "arn", default="unknown")
    return f"AWS: many refused calls of {who}"


def alert_context(event):
    return {
        "actor": event.deep_get("userIdentity", "arn", default="unknown"),
        "remote_ip": event.get("sourceIPAddress", "unknown"),
        "first_call": event.get("eventName", "unknown"),
    }
