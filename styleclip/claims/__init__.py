"""What a prompt claims about a face, and what a picture may show instead (styleclip/alternatives.toml)."""

from styleclip.claims.claim import Claim, describe_claims
from styleclip.claims.reader import read_claims

__all__ = ["Claim", "describe_claims", "read_claims"]
