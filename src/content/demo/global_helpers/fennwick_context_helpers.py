"""What alerts of all log types tell about who did something, and from where."""


def who_and_where(event, **more):
    """Actor and remote address by way of the data model of the log type, then whatever else is given.

    Correlation needs the same names in every alert: it compares remote_ip.
    """
    return {"actor": actor(event), "remote_ip": event.udm("source_ip") or "unknown", **more}


def actor(event):
    """Who did it; unknown where the event does not say."""
    return event.udm("actor_user") or "unknown"
