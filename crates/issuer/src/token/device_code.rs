//! RFC 8628 §3.4, §3.5: the device asks what became of its request.

use super::{Course, Due, TokenError, ask::Ask, authorization_code::begin, form::bad};
use portcullis_directory::grant;
use portcullis_store::Tx;
use portcullis_types::Check;
use secrecy::ExposeSecret as _;

pub(super) fn ask(tx: &mut Tx<'_>, ask: &Ask, course: &mut Course) -> Result<Due, TokenError> {
    let code = ask.request.device_code.as_ref();
    let code = code.ok_or_else(|| bad(Some("device_code"), "device_code is missing"));
    let code = course.trace.step(Check::Request, code)?.expose_secret();
    let redeemed = grant::poll_device(tx, code, &ask.client.id, course.now)?;
    let redeemed = course.trace.step(Check::Granted, redeemed)?;
    course.of_a_person(&redeemed.grant, &redeemed.authorization);
    begin(tx, ask, redeemed, course)
}
