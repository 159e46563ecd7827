GRANTS = {"user.account.privilege.grant", "group.privilege.grant"}


def get_user(event):
    for target in event.get("target") or []:
        if target.get("type") == "User":
            return target.get("alternateId")
    return None


def get_event_type(event):
    kind = event.get("eventType")
    worked = event.deep_get("outcome", "result") == "SUCCESS"
    if kind == "user.session.start":
        return "successful_login" if worked else "failed_login"
    if not worked:
        return None
    if kind in GRANTS:
        return "admin_role_assigned"
    if kind == "user.mfa.factor.activate":
        return "credential_created"
    return None
