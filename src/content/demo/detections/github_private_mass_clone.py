def rule(event):
    return (
        event.get("action") == "git.clone"
        and event.get("repository_public") is False
        and not event.get("actor", "").endswith("[bot]")
    )


def title(event):
    return f"GitHub: {event.get('actor', 'unknown')} cloned many private repositories"


def alert_context(event):
    return {
        "actor": event.get("actor", "unknown"),
        "remote_ip": event.get("actor_ip", "unknown"),
        "repo": event.get("repo", "unknown"),
    }
