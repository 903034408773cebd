//! What a message may carry across the gateway (RFC 9110 §7.6, RFC 7239).

use http::{HeaderMap, HeaderName, header};
use smallvec::SmallVec;

/// Names that are for one hop only (RFC 9110 §7.6.1), whether or not `Connection` lists them. `TE:
/// trailers` is among them: no trailer is forwarded.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What only we may say to an upstream, what services behind proxies believe, and every credential of the
/// caller: from outside, none of it goes on.
fn is_claim(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "dpop"
            | "cookie"
            | "expect"
            | "forwarded"
            | "x-forwarded"
            | "x-api-key"
            | "api-key"
            | "x-goog-api-key"
            | "x-decision-id"
            | "txn-token"
            | "x-real-ip"
            | "x-client-id"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "true-client-ip"
            | "fastly-client-ip"
            | "x-azure-clientip"
            | "x-host"
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
            | "x-rewrite-url"
            | "x-email"
            | "x-subject"
            | "x-userinfo"
    ) || SAID_BY_PROXIES.iter().any(|prefix| name.starts_with(prefix))
        // CGI and WSGI read `x_user` as `x-user`.
        || name.contains('_')
}

/// How the names begin by which well-known proxies say who calls, from where and for what.
const SAID_BY_PROXIES: [&str; 29] = [
    "portcullis-",
    "x-forwarded-",
    "x-original-",
    "x-user",
    "x-remote-",
    "remote-",
    "x-auth-",
    "x-authenticated-",
    "x-authentik-",
    "x-webauth-",
    "x-tenant",
    "x-role",
    "x-scope",
    "x-group",
    "x-client-cert",
    "client-cert",
    "x-client-verify",
    "x-ssl-",
    "ssl-client",
    "x-consumer-",
    "x-credential-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-amzn-oidc-",
    "x-envoy-",
    "cf-access-",
    "cf-connecting-",
    "tailscale-",
];

/// Leaves of a request what may go on to an upstream.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip(headers, |name| is_hop_by_hop(name) || is_claim(name));
}

/// Leaves of an answer what may go on to the caller. Whose decision it was is for us to say.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    strip(headers, |name| is_hop_by_hop(name) || name == "x-decision-id");
}

fn strip(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    let mut gone: SmallVec<[HeaderName; 4]> = SmallVec::new();
    gone.extend(headers.keys().filter(|name| goes(name.as_str())).cloned());
    if gone.contains(&header::CONNECTION) {
        let named = headers.get_all(header::CONNECTION).iter();
        let named =
            named.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        gone.extend(named.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()));
        // Nobody may use this to have the framing or the host removed.
        gone.retain(|name| *name != header::HOST && *name != header::CONTENT_LENGTH);
    }
    for name in gone {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut map =
            headers(&[("connection", "close, x-secret"), ("x-secret", "1"), ("accept", "*/*")]);
        strip_request(&mut map);
        assert_eq!(map, headers(&[("accept", "*/*")]));
    }

    #[test]
    fn connection_cannot_take_the_host_or_the_length_away() {
        let mut map = headers(&[
            ("connection", "host, content-length"),
            ("host", "a"),
            ("content-length", "3"),
        ]);
        strip_request(&mut map);
        assert_eq!(map, headers(&[("host", "a"), ("content-length", "3")]));
    }

    #[test]
    fn nobody_outside_speaks_for_the_gateway() {
        let mut map = headers(&[
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-anything", "1"),
            ("forwarded", "for=10.0.0.1"),
            ("x-user", "admin"),
            ("x_user", "admin"),
            ("portcullis-subject", "admin"),
            ("cookie", "session=1"),
            ("authorization", "Bearer x"),
            ("x-stainless-lang", "python"),
        ]);
        strip_request(&mut map);
        assert_eq!(map, headers(&[("x-stainless-lang", "python")]));
    }
}
