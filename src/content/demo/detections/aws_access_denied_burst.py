from fennwick_context_helpers import actor, who_and_where

REFUSALS = {"AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"}


def rule(event):
    return event.get("errorCode") in REFUSALS


def title(event):
    return f"AWS: many refused calls of {actor(event)}"


def alert_context(event):
    return who_and_where(event, first_call=event.get("eventName", "unknown"))
