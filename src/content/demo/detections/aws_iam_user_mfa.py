def policy(resource):
    return not resource.get("PasswordEnabled") or bool(resource.get("MfaActive"))
