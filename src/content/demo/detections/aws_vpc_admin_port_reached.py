from fennwick_helpers import is_company_address, is_inside, is_outside

ADMIN_PORTS = {22, 3389}


def rule(event):
    source = event.get("srcAddr")
    return (
        event.get("action") == "ACCEPT"
        and event.get("dstPort") in ADMIN_PORTS
        and is_inside(event.get("dstAddr"))
        and is_outside(source)
        and not is_company_address(source)
    )


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
