ADMINISTRATOR = "/AdministratorAccess"
ATTACH = {"AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"}


def get_event_type(event):
    name = event.get("eventName")
    if name == "ConsoleLogin":
        worked = event.deep_get("responseElements", "ConsoleLogin") == "Success"
        return "successful_login" if worked else "failed_login"
    if event.get("errorCode"):
        return None
    if name == "CreateAccessKey":
        return "credential_created"
    if name in ATTACH and event.deep_get("requestParameters", "policyArn", default="").endswith(ADMINISTRATOR):
        return "admin_role_assigned"
    return None
