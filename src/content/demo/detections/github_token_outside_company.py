COMPANY_ADDRESSES = {"192.0.2.10", "192.0.2.11", "192.0.2.20"}


def rule(event):
    return (
        event.get("action") == "personal_access_token.access_granted"
        and event.get("actor_ip") not in COMPANY_ADDRESSES
    )


def title(event):
    return f"GitHub: {event.get('actor', 'unknown')} created a personal access token outside the company network"


def alert_context(event):
    return {
        "actor": event.get("actor", "unknown"),
        "remote_ip": event.get("actor_ip", "unknown"),
        "token": event.get("user_programmatic_access_name", "unknown"),
    }
