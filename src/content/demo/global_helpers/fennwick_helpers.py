"""What detections have to know about Fennwick's networks."""

from ipaddress import ip_address, ip_network

COMPANY_ADDRESSES = {"192.0.2.10", "192.0.2.11", "192.0.2.20"}
INSIDE = ip_network("10.0.0.0/8")
STORAGE = ip_network("192.0.2.192/27")


def is_company_address(text):
    """Whether it is the address of an office or of the VPN, as the internet sees them."""
    return text in COMPANY_ADDRESSES


def is_inside(text):
    """Whether it is an address of our private network."""
    address = parsed(text)
    return address is not None and address in INSIDE


def is_outside(text):
    """Whether it is an address, but not one of our private network."""
    address = parsed(text)
    return address is not None and address not in INSIDE


def is_storage(text):
    """Whether it is the address of a storage endpoint of the region."""
    address = parsed(text)
    return address is not None and address in STORAGE


def parsed(text):
    """The address, or None for everything that is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None
