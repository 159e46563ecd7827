def rule(event):
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("userIdentity", "type") == "IAMUser"
        and event.deep_get("responseElements", "ConsoleLogin") == "Success"
        and event.deep_get("additionalEventData", "MFAUsed") != "Yes"
    )


def title(event):
    who = event.deep_get("userIdentity", "userName", default="unknown")
    return f"AWS: {who} signed in to the console without MFA"


def alert_context(event):
    return {
        "user": event.deep_get("userIdentity", "userName", default="unknown"),
        "remote_ip": event.get("sourceIPAddress", "unknown"),
        "user_agent": event.get("userAgent", "unknown"),
    }
