from fennwick_helpers import is_inside, is_outside, is_storage

LIMIT = 50_000_000


def rule(event):
    destination = event.get("dstAddr")
    return (
        event.get("action") == "ACCEPT"
        and event.get("bytes", 0) >= LIMIT
        and is_inside(event.get("srcAddr"))
        and is_outside(destination)
        and not is_storage(destination)
    )


def title(event):
    return f"VPC: {event.get('srcAddr', 'unknown')} sent much data to {event.get('dstAddr', 'unknown')}"


def alert_context(event):
    return {
        "host": event.get("srcAddr", "unknown"),
        "remote_ip": event.get("dstAddr", "unknown"),
        "port": event.get("dstPort"),
    }
