"""What a page says of a server it could not reach (FIELD.md, section B: Local Network Access)."""

from __future__ import annotations

import pytest

from weft_browser.local_network import near, unreached


@pytest.mark.parametrize(
    "url", ["http://localhost:8420", "http://127.0.0.1", "https://10.1.2.3/x", "http://[::1]:8420", "http://shop.local"]
)
def test_a_server_near_the_user_is_known_by_its_name(url: str) -> None:
    assert near(url)


@pytest.mark.parametrize(
    "url", ["https://shop.example", "https://93.184.216.34", "blob:null", "", "https://localhost.example"]
)
def test_a_server_elsewhere_is_known_by_its_name(url: str) -> None:
    assert not near(url)


def test_only_a_page_from_elsewhere_is_told_of_the_permission() -> None:
    assert "local network" in unreached("http://localhost:8420", "https://shop.example/", "Failed to fetch")
    assert unreached("http://localhost:8420", "http://127.0.0.1:8000/", "Failed to fetch") == "Failed to fetch"
    assert unreached("https://api.shop.example", "https://shop.example/", "Failed to fetch") == "Failed to fetch"
