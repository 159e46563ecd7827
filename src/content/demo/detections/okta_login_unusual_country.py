HOME_COUNTRIES = {"Portugal", "United Kingdom", "Ireland", "Germany"}


def rule(event):
    country = event.deep_get("client", "geographicalContext", "country")
    return (
        event.get("eventType") == "user.session.start"
        and event.deep_get("outcome", "result") == "SUCCESS"
        and country is not None
        and country not in HOME_COUNTRIES
    )


def title(event):
    who = event.deep_get("actor", "alternateId", default="unknown")
    country = event.deep_get("client", "geographicalContext", "country", default="unknown")
    return f"Okta: {who} signed in from {country}"


def alert_context(event):
    return {
        "actor": event.deep_get("actor", "alternateId", default="unknown"),
        "remote_ip": event.deep_get("client", "ipAddress", default="unknown"),
        "country": event.deep_get("client", "geographicalContext", "country", default="unknown"),
    }
