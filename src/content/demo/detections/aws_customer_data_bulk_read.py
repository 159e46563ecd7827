from fennwick_context_helpers import actor, who_and_where

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
    return f"AWS: {actor(event)} read many customer files"


def alert_context(event):
    return who_and_where(event, bucket=event.deep_get("requestParameters", "bucketName", default="unknown"))
