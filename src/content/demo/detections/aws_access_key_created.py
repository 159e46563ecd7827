def rule(event):
    return event.get("eventName") == "CreateAccessKey" and not event.get("errorCode")


def title(event):
    who = event.deep_get("requestParameters", "userName", default="unknown")
    return f"AWS: new access key for {who}"


def alert_context(event):
    return {
        "actor": event.deep_get("userIdentity", "arn", default="unknown"),
        "remote_ip": event.get("sourceIPAddress", "unknown"),
        "user": event.deep_get("requestParameters", "userName", default="unknown"),
    }
