from ipaddress import ip_address, ip_network

INSIDE = ip_network("10.0.0.0/8")
EXPECTED = [ip_network("10.0.0.0/8"), ip_network("192.0.2.192/27")]
LIMIT = 50_000_000


def rule(event):
    if event.get("action") != "ACCEPT" or event.get("bytes", 0) < LIMIT:
        return False
    try:
        source = ip_address(event.get("srcAddr"))
        destination = ip_address(event.get("dstAddr"))
    except ValueError:
        return False
    return source in INSIDE and not any(destination in network for network in EXPECTED)


def title(event):
    return f"VPC: {event.get('srcAddr', 'unknown')} sent much data to {event.get('dstAddr', 'unknown')}"


def alert_context(event):
    return {
        "host": event.get("srcAddr", "unknown"),
        "remote_ip": event.get("dstAddr", "unknown"),
        "port": event.get("dstPort"),
    }
