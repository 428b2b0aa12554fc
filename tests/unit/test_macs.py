"""MAC addresses in every usual notation become the one that a clone can finish with."""

import pytest

from kubectl_virt_clone.clone.spec.patches import dashed, parse_assignment
from kubectl_virt_clone.errors import InvalidValue


@pytest.mark.parametrize(
    "address",
    [
        "02:00:00:ab:cd:ef",
        "02-00-00-ab-cd-ef",
        "0200.00ab.cdef",
        "02:00:00:AB:CD:EF",
        "02-00-00-Ab-cD-EF",
    ],
)
def test_an_address_is_written_with_dashes_and_small_letters(address):
    assert dashed(address) == "02-00-00-ab-cd-ef"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "zz",
        "00-11-22",
        "00:11:22:33:44:55:66:77",
        "02:00-00:ab:cd:ef",
        "020000abcdef",
        "02:00:00:ab:cd:ef\n",
        " 02:00:00:ab:cd:ef",
        "02:00:00:ab:cd:eg",
        "٠٢:00:00:ab:cd:ef",
    ],
)
def test_what_is_no_address_of_six_octets_is_refused(address):
    with pytest.raises(InvalidValue) as refusal:
        dashed(address)
    assert refusal.value.reason == (
        f'"{address}" is not a MAC address; write one like 02-00-00-00-00-01'
    )


@pytest.mark.parametrize(
    ("text", "assignment"),
    [
        ("default=02:00:00:00:00:99", ("default", "02-00-00-00-00-99")),
        ("default:02:00:00:00:00:99", ("default", "02-00-00-00-00-99")),
        ("default:02-00-00-00-00-99", ("default", "02-00-00-00-00-99")),
        ("net-1=0200.0000.0099", ("net-1", "02-00-00-00-00-99")),
    ],
)
def test_an_assignment_is_an_interface_and_an_address(text, assignment):
    assert parse_assignment(text) == assignment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("default", '"default" names no interface; write IFACE=02-00-00-00-00-01'),
        (
            "=02:00:00:00:00:99",
            '"=02:00:00:00:00:99" names no interface; write IFACE=02-00-00-00-00-01',
        ),
        (
            ":02:00:00:00:00:99",
            '":02:00:00:00:00:99" names no interface; write IFACE=02-00-00-00-00-01',
        ),
        ("default=", '"" is not a MAC address; write one like 02-00-00-00-00-01'),
        (
            "02:00:00:00:00:99",
            '"00:00:00:00:99" is not a MAC address; write one like 02-00-00-00-00-01',
        ),
    ],
)
def test_what_is_no_assignment_is_refused_with_its_reason(text, reason):
    with pytest.raises(InvalidValue) as refusal:
        parse_assignment(text)
    assert refusal.value.reason == reason
