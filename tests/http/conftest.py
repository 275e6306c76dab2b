"""What the tests of the HTTP server share: certificates, made once.

It knows nothing of what is tested.
"""

import pytest
from certificates_made import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificate and keys for the session."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
