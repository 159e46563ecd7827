from fennwick_context_helpers import actor, who_and_where
from fennwick_helpers import is_company_address


def rule(event):
    return (
        event.get("action") == "personal_access_token.access_granted"
        and not is_company_address(event.get("actor_ip"))
    )


def title(event):
    return f"GitHub: {actor(event)} created a personal access token outside the company network"


def alert_context(event):
    return who_and_where(event, token=event.get("user_programmatic_access_name", "unknown"))
