//! The fictional company Fennwick: people, addresses, hosts. All names are invented; addresses are those
//! reserved for documentation (RFC 5737) and for private networks (RFC 1918).

use super::dice::spell;

/// The production account.
pub(super) const ACCOUNT: &str = "111122223333";
/// The development account.
pub(super) const DEV_ACCOUNT: &str = "444455556666";
/// The home region.
pub(super) const REGION: &str = "eu-west-1";
/// The GitHub organization.
pub(super) const GITHUB_ORG: &str = "fennwick";
/// Its number.
pub(super) const GITHUB_ORG_ID: u64 = 7_310_042;
/// The bucket that matters most.
pub(super) const CUSTOMER_BUCKET: &str = "fennwick-customer-data";

/// Offices and VPN, as the internet sees them.
pub(super) const COMPANY_ADDRESSES: [&str; 3] = ["192.0.2.10", "192.0.2.11", "192.0.2.20"];
/// Where most of the attack comes from and where the data go.
pub(super) const ATTACKER: &str = "203.0.113.66";
/// A second machine of the attacker.
pub(super) const ATTACKER_STAGING: &str = "198.51.100.23";
/// A partner that gets a large file every week.
pub(super) const PARTNER: &str = "192.0.2.230";

/// The browser of most company laptops.
pub(super) const BROWSER: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
    (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36";

/// Countries where employees live.
pub(super) const HOME_COUNTRIES: [&str; 4] = ["Portugal", "United Kingdom", "Ireland", "Germany"];

/// A city as Okta describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct City {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) country: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) lat: f64,
    pub(super) lon: f64,
}

pub(super) const LISBON: City =
    City { name: "Lisbon", state: "Lisbon", country: "Portugal", postal_code: "1100", lat: 38.72, lon: -9.14 };
pub(super) const PORTO: City =
    City { name: "Porto", state: "Porto", country: "Portugal", postal_code: "4000", lat: 41.15, lon: -8.61 };
pub(super) const LONDON: City =
    City { name: "London", state: "England", country: "United Kingdom", postal_code: "EC1A", lat: 51.51, lon: -0.13 };
pub(super) const DUBLIN: City =
    City { name: "Dublin", state: "Leinster", country: "Ireland", postal_code: "D02", lat: 53.35, lon: -6.26 };
pub(super) const BERLIN: City =
    City { name: "Berlin", state: "Berlin", country: "Germany", postal_code: "10115", lat: 52.52, lon: 13.4 };
pub(super) const STOCKHOLM: City =
    City { name: "Stockholm", state: "Stockholm", country: "Sweden", postal_code: "111 20", lat: 59.33, lon: 18.07 };
pub(super) const AMSTERDAM: City = City {
    name: "Amsterdam",
    state: "North Holland",
    country: "Netherlands",
    postal_code: "1012",
    lat: 52.37,
    lon: 4.9,
};

/// Somebody who works at Fennwick.
#[derive(Debug)]
pub(super) struct Employee {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    /// GitHub name; empty for those who do not program.
    pub(super) github: &'static str,
    pub(super) team: &'static str,
    /// Permission set in AWS; empty for those without.
    pub(super) aws_role: &'static str,
    /// Last part of the address at home.
    pub(super) home: u8,
    pub(super) city: City,
}

impl Employee {
    pub(super) fn email(&self) -> String {
        format!("{}.{}@example.com", self.given.to_ascii_lowercase(), self.family.to_ascii_lowercase())
    }

    pub(super) fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    pub(super) fn home_address(&self) -> String {
        format!("192.0.2.{}", self.home)
    }

    /// The office of the city, or the VPN where there is none.
    pub(super) fn office_address(&self) -> &'static str {
        match self.city.name {
            "Lisbon" => "192.0.2.10",
            "London" => "192.0.2.11",
            _ => "192.0.2.20",
        }
    }
}

/// The id in Okta of a person or an account.
pub(super) fn okta_id(email: &str) -> String {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    format!("00u{}", spell(email, LETTERS, 17))
}

const fn person(
    name: (&'static str, &'static str),
    github: &'static str,
    team: &'static str,
    aws_role: &'static str,
    home: u8,
    city: City,
) -> Employee {
    Employee { given: name.0, family: name.1, github, team, aws_role, home, city }
}

/// Everybody. [`VICTIM`] is one of them.
pub(super) static EMPLOYEES: [Employee; 25] = [
    person(("Maya", "Lindqvist"), "mlindqvist", "Platform", "PlatformEngineer", 101, LISBON),
    person(("Tomas", "Varga"), "tvarga", "IT", "PlatformEngineer", 102, PORTO),
    person(("Ana", "Ribeiro"), "aribeiro", "Orders", "Developer", 103, LISBON),
    person(("Jonas", "Becker"), "jbecker", "Platform", "PlatformEngineer", 104, BERLIN),
    person(("Leila", "Haddad"), "lhaddad", "Orders", "Developer", 105, LISBON),
    person(("Oscar", "Nwosu"), "onwosu", "Data", "DataEngineer", 106, LONDON),
    person(("Chiara", "Conti"), "cconti", "Storefront", "Developer", 107, LISBON),
    person(("Daniel", "Okafor"), "dokafor", "Storefront", "Developer", 108, LONDON),
    person(("Sofia", "Marques"), "", "People", "", 109, LISBON),
    person(("Rui", "Tavares"), "rtavares", "Firmware", "Developer", 110, LISBON),
    person(("Emily", "Carter"), "", "Finance", "", 111, LONDON),
    person(("Hannah", "Schmidt"), "hschmidt", "Data", "DataEngineer", 112, BERLIN),
    person(("Grace", "Osei"), "", "Sales", "", 113, LONDON),
    person(("Noah", "Byrne"), "nbyrne", "Mobile", "Developer", 114, DUBLIN),
    person(("Pedro", "Almeida"), "", "Support", "", 115, LISBON),
    person(("Yuki", "Tanabe"), "ytanabe", "Firmware", "", 116, LISBON),
    person(("Felix", "Wagner"), "fwagner", "Mobile", "", 117, BERLIN),
    person(("Ines", "Carvalho"), "", "Marketing", "", 118, LISBON),
    person(("Aoife", "Nolan"), "", "Sales", "", 119, DUBLIN),
    person(("Samuel", "Pinto"), "", "Support", "", 120, PORTO),
    person(("Marta", "Kowalska"), "", "Finance", "", 121, LISBON),
    person(("Clara", "Jensen"), "cjensen", "Orders", "Developer", 122, LISBON),
    person(("Hugo", "Duarte"), "hduarte", "Storefront", "Developer", 123, LISBON),
    person(("Ravi", "Menon"), "rmenon", "Data", "DataEngineer", 124, LONDON),
    person(("Beatriz", "Lopes"), "", "Management", "", 125, LISBON),
];

/// The employee whose push notifications are flooded.
pub(super) const VICTIM: &str = "tomas.varga@example.com";

/// An employee by e-mail address.
pub(super) fn employee(email: &str) -> Option<&'static Employee> {
    let (given, family) = email.split_once('@')?.0.split_once('.')?;
    EMPLOYEES.iter().find(|it| it.given.eq_ignore_ascii_case(given) && it.family.eq_ignore_ascii_case(family))
}

/// A machine in the VPC.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: &'static str,
    pub(super) address: &'static str,
    pub(super) instance: &'static str,
    pub(super) interface: &'static str,
    pub(super) subnet: &'static str,
}

const fn host(
    name: &'static str,
    address: &'static str,
    instance: &'static str,
    interface: &'static str,
    subnet: &'static str,
) -> Host {
    Host { name, address, instance, interface, subnet }
}

/// The VPC.
pub(super) const VPC: &str = "vpc-0f3a9c27d51e8b640";
const PUBLIC: &str = "subnet-0a10c5d2e7f391b84";
const APP: &str = "subnet-0b21d6e3f8042ca95";
const DATA: &str = "subnet-0c32e7f409153dba6";

/// The machines.
pub(super) static HOSTS: [Host; 14] = [
    host("bastion-1", "10.20.1.5", "i-0b61e0ace9d4eaeb0", "eni-0f6674fd18bfc01ed", PUBLIC),
    host("web-1", "10.20.1.10", "i-08e3ddd9e6b7b2345", "eni-0bcf4f471347826ea", PUBLIC),
    host("web-2", "10.20.1.11", "i-084d9a7018813dfe1", "eni-09dc4c79e0f27a102", PUBLIC),
    host("api-1", "10.20.2.21", "i-0cbf69447fef1257f", "eni-00fa988c5b8ef11e2", APP),
    host("api-2", "10.20.2.22", "i-0a0474d3ac793624a", "eni-0c3551945e7becfa6", APP),
    host("api-3", "10.20.2.23", "i-05244243b9d851620", "eni-0eeaf48d74acd4704", APP),
    host("db-1", "10.20.3.31", "i-0c746d3a4f2e81c01", "eni-06b3f5d345a02b4e5", DATA),
    host("db-2", "10.20.3.32", "i-0cbf84d097f514748", "eni-0a62aaa7b5c0d7abb", DATA),
    host("cache-1", "10.20.3.40", "i-0821b7f05d1087c3c", "eni-0d609e49ea175d2f9", DATA),
    host("etl-worker-1", "10.20.4.43", "i-0e349b1f495c037d7", "eni-027b38dc2e56e513f", DATA),
    host("etl-worker-2", "10.20.4.44", "i-0a70392744b035e91", "eni-06a6dae9288d0e957", DATA),
    host("build-1", "10.20.5.51", "i-03f77675f49544d02", "eni-019aef2df1d7bc7ba", APP),
    host("build-2", "10.20.5.52", "i-0652cc4ba6ed20a00", "eni-04ad8791380f507ca", APP),
    host("monitor-1", "10.20.6.61", "i-02edae3ed1882d1f6", "eni-06d3d2b471123ee09", APP),
];

/// A machine by name.
pub(super) fn host_named(name: &str) -> &'static Host {
    HOSTS.iter().find(|host| host.name == name).unwrap_or(&HOSTS[0])
}
