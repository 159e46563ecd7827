from fennwick_context_helpers import who_and_where

ATTACH = {"AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"}


def rule(event):
    return (
        event.get("eventName") in ATTACH
        and not event.get("errorCode")
        and event.deep_get("requestParameters", "policyArn", default="").endswith("/AdministratorAccess")
    )


def receiver(event):
    for key in ("userName", "roleName", "groupName"):
        name = event.deep_get("requestParameters", key)
        if name:
            return name
    return "unknown"


def title(event):
    return f"AWS: AdministratorAccess attached to {receiver(event)}"


def alert_context(event):
    return who_and_where(event, receiver=receiver(event))
