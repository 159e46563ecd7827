from fennwick_context_helpers import actor, who_and_where

HOME_COUNTRIES = {"Portugal", "United Kingdom", "Ireland", "Germany"}


def rule(event):
    country = event.udm("country")
    return (
        event.get("eventType") == "user.session.start"
        and event.deep_get("outcome", "result") == "SUCCESS"
        and country is not None
        and country not in HOME_COUNTRIES
    )


def title(event):
    return f"Okta: {actor(event)} signed in from {event.udm('country') or 'unknown'}"


def alert_context(event):
    return who_and_where(event, country=event.udm("country") or "unknown")
