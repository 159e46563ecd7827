from fennwick_context_helpers import actor, who_and_where


def rule(event):
    return (
        event.get("action") == "git.clone"
        and event.get("repository_public") is False
        and not event.get("actor", "").endswith("[bot]")
    )


def title(event):
    return f"GitHub: {actor(event)} cloned many private repositories"


def alert_context(event):
    return who_and_where(event, repo=event.udm("repository") or "unknown")
