CREDENTIALS = {"personal_access_token.access_granted", "public_key.create"}


def get_event_type(event):
    action = event.get("action")
    if action in CREDENTIALS:
        return "credential_created"
    if action == "org.update_member" and event.get("permission") == "admin":
        return "admin_role_assigned"
    return None
