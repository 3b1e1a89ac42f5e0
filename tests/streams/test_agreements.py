"""Agreement files: what is wrong is named with file, line and reason; a version has its day."""

import subprocess
import sys
from datetime import date
from pathlib import Path
from time import process_time
from zipfile import ZipFile

import pytest
import yaml

from alerts.agreements import Agreements
from alerts.errors import InvalidAgreement
from deploy.lab.demo import AGREEMENTS
from streams.agreements import read_agreement, read_agreements
from tests.builders import agreement

ROOT = Path(__file__).parents[2]
GOOD = """\
cmo: acme
version: "1"
effective: 2024-01-01
contingency: Call.
"""


def written(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_as_the_agreement_it_says(tmp_path: Path) -> None:
    assert read_agreement(written(tmp_path, GOOD)) == agreement(effective=date(2024, 1, 1))


@pytest.mark.parametrize(
    ("more", "line", "reason"),
    [
        ("zone: Europe/Bern\n", 5, "zone: .*no IANA time zone"),
        ("zone: Europe\n", 5, "zone: .*no IANA time zone"),
        ("colour: red\n", 5, "colour: there is no such field"),
        ("working_days: []\n", 5, "working_days"),
        ("cadence:\n  cmo.lots: 0\n", 6, "cadence.cmo.lots: .*greater than 0"),
        ("cadence:\n  cmo.lost: 5\n", 6, "cadence.cmo.lost"),
        ("limits:\n  delivery_otif: {warning: 0.9, critical: .nan}\n", 6, "critical"),
        ("limits:\n  delivery_otf: {warning: 0.9}\n", 6, "no such KPI; there are delivery_otif"),
        ("limits:\n  delivery_otif: {warning: 0.8}\n", 6, "better side of warning 0.8"),
        ("limits:\n  delivery_otif: {quantile: p90}\n", 6, "none of its quantiles"),
        ("limits:\n  release_cycle_time: {quantile: p95}\n", 6, "none of its quantiles"),
        ("limits:\n  days_of_supply: {window_days: 9}\n", 6, "has no window"),
        ("sources:\n  - {source: /a, speaker: nobody}\n", 6, "sources.0.speaker"),
        ("holidays:\n  - 2024-12-25\n  - soon\n", 7, "holidays.1"),
        ("default: true\n", 1, "either the cmo, or default"),
        ("tolerance: {days: 1}\n", 5, "tolerance.days: there is no such field"),
        ("window: {late: -1}\n", 5, "window.late: .*greater than or equal to 0"),
        ("zone: UTC\nzone: UTC\n", 6, "zone: is given twice"),
        ("name: 7\n", 5, "name: no text; put it in quotes"),
        ("sites: {DC Basel: sponsor}\n", 5, "DC Basel is no id; write dc-basel"),
        ("sites:\n  dc-basel: nobody\n", 6, "sites.dc-basel: Input should be 'cmo', 'sponsor'"),
        ("end: 2023-12-31\n", 5, "end: 2023-12-31 lies before effective 2024-01-01"),
        ("release: {parties: [cmo, cmo]}\n", 5, "release.parties: cmo stands there twice"),
        (
            "release: {parties: [cmo], within: {sponsor: 9}}\n",
            5,
            "sponsor does not have to release",
        ),
        ("release: {exceptions: [{parties: [cmo]}]}\n", 5, "name the product, the market or both"),
        ("release: {exceptions: [{market: us}]}\n", 5, "exceptions.0: says nothing"),
        (
            "release:\n  exceptions:\n    - {market: us, within: {cmo: 2}}\n"
            "    - {market: US, within: {cmo: 3}}\n",
            *(8, "release.exceptions.1: another exception is for the same"),
        ),
        ("product_roles: {pills: {planner: chief}}\n", 5, "product_roles.pills: chief is no role"),
        ("ladder: [{role: planner, warning: 5}]\n", 5, "ladder.0.role: planner is no role"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_reason(
    tmp_path: Path, more: str, line: int, reason: str
) -> None:
    path = written(tmp_path, GOOD + more)
    with pytest.raises(InvalidAgreement, match=rf"a\.yaml:{line}: .*{reason}") as caught:
        read_agreement(path)
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD.replace("contingency: Call.\n", ""), r":1: contingency: is missing"),
        (GOOD.replace("Call.", '""'), r":4: contingency"),
        (GOOD.replace("2024-01-01", "2024-13-01"), r"effective: .* month value is outside"),
        ("cmo: [", r":\d: not YAML"),
        ("cmo: acme\n  version: 1\n", r":2: not YAML"),
        ("", r":1: the whole file"),
        ("- a\n", r":1: the whole file"),
        ("a: &x [*x]\n", r":1: not YAML: an alias"),
        ("a: &x [b]\nc: *x\n", r":2: not YAML: an alias"),
        ("a:\n  " + "[" * 2_000, r":2: not YAML: more than 20 parts within each other"),
        ("a: !!binary /w==\n", r"cannot be read"),
        ("? [1, 2]\n: 3\n", r"not YAML"),
        ("a: !!python/object:os.system {}\n", r"not YAML"),
        ("#" + "x" * (1 << 20), r"larger than 1048576 bytes"),
    ],
)
def test_a_file_that_says_no_agreement_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidAgreement, match=r"a\.yaml.*" + reason):
        read_agreement(written(tmp_path, text))


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with pytest.raises(InvalidAgreement, match=r"a\.yaml: cannot be read"):
        read_agreement(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidAgreement, match=r"a\.yaml: cannot be read as UTF-8"):
        read_agreement(path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidAgreement, match="no such folder"):
        read_agreements(tmp_path / "none", use_default=True)


def test_a_folder_that_is_looked_for_in_the_wrong_place_says_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidAgreement) as caught:
        read_agreements(Path("deploy/agreements"), use_default=True)
    told = str(caught.value)
    assert told.startswith(f"deploy/agreements: no such folder in {tmp_path}; name one")
    assert "in --agreements or CMOWATCH_AGREEMENTS; a file is replayed without any, too" in told


def test_the_version_in_force_is_the_latest_effective_by_that_day(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD.replace("2024-01-01", "2024-03-01").replace('"1"', '"2"'), "b.yaml")
    read = read_agreements(tmp_path, use_default=False)
    days = [date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 29), date(2024, 3, 1)]
    found = [read.of("acme", day) for day in days]
    assert [each and each.version for each in found] == [None, "1", "1", "2"]
    assert read.cmos == ("acme",)


def test_two_versions_of_one_day_are_refused_with_both_files(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD, "b.yaml")
    with pytest.raises(InvalidAgreement, match=r"b\.yaml:1: .*a\.yaml has a version of the same"):
        read_agreements(tmp_path, use_default=False)
    with pytest.raises(InvalidAgreement, match="acme has two versions"):
        Agreements([agreement(), agreement()])


PRODUCTS = 'version: "1"\neffective: 2024-01-01\nproducts:\n  pills: {unit: EA}\n'


def test_products_are_read_from_beside_the_agreements_by_version(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    assert read_agreements(tmp_path, use_default=False).products.of(date(2024, 6, 1)) is None
    written(tmp_path, PRODUCTS, "products.yaml")
    later = PRODUCTS.replace("2024-01-01", "2024-03-01").replace("pills", "drops")
    written(tmp_path, later, "products-2.yaml")
    products = read_agreements(tmp_path, use_default=False).products
    found = [products.of(day) for day in (date(2023, 12, 31), date(2024, 2, 29), date(2024, 3, 1))]
    assert [each and [*each.products] for each in found] == [None, ["pills"], ["drops"]]


def test_every_fault_of_every_file_is_told(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD, "b.yaml")
    written(tmp_path, PRODUCTS.replace("EA", "pieces"), "products.yaml")
    written(tmp_path, PRODUCTS, "our.yaml")
    written(tmp_path, GOOD + "zone: Moon\n", "products-acme.yaml")
    with pytest.raises(InvalidAgreement) as caught:
        read_agreements(tmp_path, use_default=False)
    assert [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()] == [
        "our.yaml:1: cmo: name either the cmo, or default: true",
        "our.yaml:1: contingency: is missing",
        "our.yaml:3: products: products are declared in a file named products.yaml, or "
        "products-2.yaml",
        "products-acme.yaml:1: cmo: products are nobody's; the name of an agreement's file begins "
        "with no products",
        "products-acme.yaml:1: products: is missing",
        "products-acme.yaml:4: contingency: there is no such field here; is it misspelt, or too "
        "deep or too high?",
        "products-acme.yaml:5: zone: there is no such field here; is it misspelt, or too deep or "
        "too high?",
        "products.yaml:4: products.pills.unit: String should match pattern '^[A-Z0-9]{2,3}$'",
        "b.yaml:1: effective: a.yaml has a version of the same day; give each its own effective "
        "date",
    ]


def test_two_versions_of_the_products_of_one_day_are_refused(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, PRODUCTS, "products.yaml")
    written(tmp_path, PRODUCTS, "products-2.yaml")
    with pytest.raises(InvalidAgreement, match=r"products\.yaml:1: .*products-2\.yaml has a vers"):
        read_agreements(tmp_path, use_default=False)


def test_a_folder_without_an_agreement_is_refused_and_so_is_each_file_passed_over(
    tmp_path: Path,
) -> None:
    written(tmp_path, PRODUCTS, "products.yaml")
    with pytest.raises(InvalidAgreement, match="holds no agreement"):
        read_agreements(tmp_path, use_default=False)
    for name in ("a.yml", "b.yml"):
        written(tmp_path, GOOD, name)
    with pytest.raises(InvalidAgreement, match=r"a\.yml: would be .*a\.yaml\n.*b\.yml: would be"):
        read_agreements(tmp_path, use_default=False)


def test_of_many_faults_a_hundred_are_told_and_the_others_counted(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "".join(f"colour-{n}: red\n" for n in range(103)))
    with pytest.raises(InvalidAgreement) as caught:
        read_agreement(path)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (101, f"{path}: and 3 more")


def test_the_default_covers_a_cmo_without_its_own_only_when_asked_for(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD.replace("cmo: acme", "default: true"), "default.yaml")
    day = date(2024, 6, 1)
    for asked in (True, False):
        read = read_agreements(tmp_path, use_default=asked)
        assert (read.of("other", day) is not None) == asked
        own = read.of("acme", day)
        assert own is not None
        assert own.cmo == "acme"


def test_the_agreements_that_come_with_the_project_can_be_used() -> None:
    assert read_agreements(AGREEMENTS, use_default=False).cmos


def test_who_has_no_agreement_is_covered_by_the_one_that_comes_with_the_program(
    tmp_path: Path,
) -> None:
    written(tmp_path, GOOD)
    day = date(2024, 6, 1)
    for folder in (tmp_path, None):
        read = read_agreements(folder, use_default=True)
        covering = read.of("other", day)
        assert covering is not None
        assert covering.default
        assert read_agreements(folder, use_default=False).of("other", day) is None


LARGE = {
    "roles": "roles:\n"
    + "".join(
        f"  role-{n}: {{side: sponsor, contacts: [{{email: p{n}@x.example}}], zone: UTC}}\n"
        for n in range(10_000)
    ),
    "days": f"working_days: [{'mon, ' * 160_000}tue]\n",
}


def parsing(path: Path) -> float:
    """Seconds of the processor that it takes to parse a file, whatever it may say."""
    began = process_time()
    yaml.compose(path.read_text(), Loader=yaml.CSafeLoader)
    return process_time() - began


def test_a_large_agreement_of_which_everything_is_wrong_costs_as_many_times_what_parsing_it_does(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, GOOD + LARGE["roles"].replace("zone: UTC", "zone: Moon"))
    parsed, began = parsing(path), process_time()
    with pytest.raises(
        InvalidAgreement, match=r"a\.yaml:6: roles\.role-0\.zone: (?s:.*) and 9900 more"
    ):
        read_agreement(path)
    assert process_time() - began < 15 * parsed


@pytest.mark.parametrize("what", LARGE)
def test_a_large_agreement_costs_a_few_times_what_parsing_it_does(
    tmp_path: Path, what: str
) -> None:
    path = written(tmp_path, GOOD + LARGE[what])
    assert path.stat().st_size > 750_000
    parsed, began = parsing(path), process_time()
    assert read_agreement(path).cmo == "acme"
    assert process_time() - began < 10 * parsed


def test_a_default_of_ones_own_covers_instead_of_the_one_that_comes_with_the_program(
    tmp_path: Path,
) -> None:
    text = GOOD.replace("cmo: acme", "default: true").replace("2024-01-01", "2024-03-01")
    written(tmp_path, text, "default.yaml")
    read = read_agreements(tmp_path, use_default=True)
    covering = read.of("other", date(2024, 6, 1))
    assert covering is not None
    assert covering.contingency == "Call."
    assert read.of("other", date(2024, 2, 1)) is None


def test_an_installed_package_has_the_default_agreement(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as packed:
        assert "streams/default_agreement.yaml" in packed.namelist()
