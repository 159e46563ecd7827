"""What the drivers are told by their environment, and the person who answers for them."""

import os
import subprocess
from pathlib import Path

ENDPOINT = os.environ["MARGAY_URL"] + "/mcp"
NODE = os.environ["MARGAY_NODE"]
BROWSE = str(Path(__file__).parent.parent / "browse.mjs")
ANALYST = "analyst@example.com"
REVISIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
# No answer of the server takes longer, not even one of an unoptimised build on a busy machine.
ANSWER_SECONDS = 30


def authorize(url: str) -> str:
    """Signs in and allows; the address to which the server sends the person in the end."""
    done = subprocess.run(
        [NODE, BROWSE, url], check=True, timeout=ANSWER_SECONDS, text=True, stdout=subprocess.PIPE
    )
    return done.stdout.strip()


def authorize_and_deliver(url: str) -> None:
    """The same, and goes there; does not wait, because the client opens its port only afterwards."""
    subprocess.Popen([NODE, BROWSE, "--deliver", url], stdout=subprocess.DEVNULL)
