from ipaddress import ip_address, ip_network

INSIDE = ip_network("10.0.0.0/8")
COMPANY_ADDRESSES = {"192.0.2.10", "192.0.2.11", "192.0.2.20"}
ADMIN_PORTS = {22, 3389}


def rule(event):
    if event.get("action") != "ACCEPT" or event.get("dstPort") not in ADMIN_PORTS:
        return False
    if event.get("srcAddr") in COMPANY_ADDRESSES:
        return False
    try:
        source = ip_address(event.get("srcAddr"))
        destination = ip_address(event.get("dstAddr"))
    except ValueError:
        return False
    return destination in INSIDE and source not in INSIDE


def title(event):
    return (
        f"VPC: {event.get('srcAddr', 'unknown')} reached port {event.get('dstPort')} "
        f"of {event.get('dstAddr', 'unknown')}"
    )


def alert_context(event):
    return {
        "host": event.get("dstAddr", "unknown"),
        "remote_ip": event.get("srcAddr", "unknown"),
        "port": event.get("dstPort"),
    }
