LIMIT = 1024 * 1024 * 1024


def rule(event):
    return event.get("bytes_out", 0) > LIMIT


def title(event):
    return f"AWS: {event.get('arn', 'unknown')} read more than 1 GB from {event.get('bucket', 'unknown')}"


def alert_context(event):
    return {
        "actor": event.get("arn", "unknown"),
        "bucket": event.get("bucket", "unknown"),
        "objects": event.get("objects"),
        "bytes_out": event.get("bytes_out"),
    }
