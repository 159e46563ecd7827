SETTINGS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def policy(resource):
    block = resource.get("PublicAccessBlock") or {}
    return all(block.get(setting) for setting in SETTINGS)
