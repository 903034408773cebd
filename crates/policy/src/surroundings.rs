//! What a policy is told of the moment and the place of a request: the local clock, the named
//! networks that an address lies in, the country that it belongs to.

use crate::Context;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use portcullis_types::Timestamp;
use std::{fmt, net::IpAddr, path::PathBuf};

/// What the operator has said of them.
#[derive(Clone, Debug)]
pub struct SurroundingsSettings {
    /// Networks by name.
    pub networks: Vec<(String, Vec<IpNet>)>,
    /// A file in the `MaxMind` format that knows countries.
    pub geoip: Option<PathBuf>,
    /// The zone of the local clock.
    pub time_zone: TimeZone,
}

impl Default for SurroundingsSettings {
    fn default() -> Self {
        Self { networks: Vec::new(), geoip: None, time_zone: TimeZone::UTC }
    }
}

/// Ready to be asked.
pub struct Surroundings {
    networks: Vec<(String, Vec<IpNet>)>,
    countries: Option<maxminddb::Reader<Vec<u8>>>,
    time_zone: TimeZone,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
#[error("the GeoIP file {file} cannot be used: {fault}", file = file.display())]
pub struct NoSurroundings {
    file: PathBuf,
    fault: maxminddb::MaxMindDbError,
}

impl Surroundings {
    /// Reads the GeoIP file, if there is one.
    pub fn new(settings: SurroundingsSettings) -> Result<Self, NoSurroundings> {
        let SurroundingsSettings { networks, geoip, time_zone } = settings;
        let open = |file: PathBuf| {
            maxminddb::Reader::open_readfile(&file).map_err(|fault| NoSurroundings { file, fault })
        };
        Ok(Self { networks, countries: geoip.map(open).transpose()?, time_zone })
    }

    /// The moment `now`, and the place `ip`.
    pub fn context(&self, now: Timestamp, ip: Option<IpAddr>) -> Context<'_> {
        let offset = jiff::Timestamp::from_second(now.seconds())
            .map_or(0, |now| self.time_zone.to_offset(now).seconds() / 60);
        let mut context = Context::at(now.seconds(), i16::try_from(offset).unwrap_or_default());
        let Some(ip) = ip.map(|ip| ip.to_canonical()) else { return context };
        context.ip = Some(ip.to_string().into());
        let within = |(_, nets): &&(String, Vec<IpNet>)| nets.iter().any(|net| net.contains(&ip));
        let named = self.networks.iter().filter(within);
        context.networks = named.map(|(name, _)| name.as_str().into()).collect();
        context
    }

    /// The country of an address, in two capital letters.
    pub fn country(&self, ip: IpAddr) -> Option<&str> {
        let found = self.countries.as_ref()?.lookup(ip.to_canonical()).ok()?;
        let country: maxminddb::geoip2::Country<'_> = found.decode().ok()??;
        country.country.iso_code
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let countries = self.countries.is_some();
        f.debug_struct("Surroundings")
            .field("networks", &self.networks)
            .field("countries", &countries)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Weekday;

    #[test]
    fn an_address_lies_in_every_network_that_has_it() {
        let net = |text: &str| text.parse().unwrap();
        let networks = vec![
            ("office".to_owned(), vec![net("10.1.0.0/16"), net("2001:db8::/32")]),
            ("house".to_owned(), vec![net("10.0.0.0/8")]),
        ];
        let settings = SurroundingsSettings { networks, ..SurroundingsSettings::default() };
        let around = Surroundings::new(settings).unwrap();
        let of = |ip: &str| {
            let now = Timestamp::from_seconds(1_800_000_000);
            let context = around.context(now, Some(ip.parse().unwrap()));
            context.networks.join(" ")
        };
        assert_eq!(of("10.1.2.3"), "office house");
        assert_eq!(of("::ffff:10.2.2.3"), "house", "as the address that it means");
        assert_eq!(of("2001:db8::1"), "office");
        assert_eq!(of("192.0.2.1"), "");
        assert_eq!(around.country("192.0.2.1".parse().unwrap()), None);
    }

    #[test]
    fn the_clock_is_the_one_of_the_zone() {
        let time_zone = TimeZone::fixed(jiff::tz::Offset::constant(10));
        let around = Surroundings::new(SurroundingsSettings {
            time_zone,
            ..SurroundingsSettings::default()
        })
        .unwrap();
        // Wednesday, 18 July 2001, 20:15 UTC.
        let context = around.context(Timestamp::from_seconds(995_487_300), None);
        assert_eq!(context.offset, 600);
        assert_eq!((context.weekday, context.hour, context.minute), (Weekday::Thursday, 6, 15));
        assert_eq!(context.ip, None);
    }
}
