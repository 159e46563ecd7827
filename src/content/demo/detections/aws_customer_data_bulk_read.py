BUCKET = "fennwick-customer-data"
READERS = {"etl-worker", "customer-api"}


def rule(event):
    return (
        event.get("eventName") == "GetObject"
        and event.deep_get("requestParameters", "bucketName") == BUCKET
        and not event.get("errorCode")
        and event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "userName") not in READERS
    )


def title(event):
    who = event.deep_get("userIdentity", "arn", default="unknown")
    return f"AWS: {who} read many customer files"


def alert_context(event):
    return {
        "actor": event.deep_get("userIdentity", "arn", default="unknown"),
        "remote_ip": event.get("sourceIPAddress", "unknown"),
        "bucket": event.deep_get("requestParameters", "bucketName", default="unknown"),
    }
