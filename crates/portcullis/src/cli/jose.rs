//! `portcullis jose`: the tool for looking at a token without pasting it into a web page.

mod decrypt;
mod encrypt;
mod generate;
mod input;
mod sign;
mod thumbprint;
mod verify;

use super::{Format, Outcome};

/// What can be done.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum JoseCommand {
    /// Check a signature and print the payload.
    Verify(verify::Verify),
    /// Sign standard input.
    Sign(sign::Sign),
    /// Encrypt standard input.
    Encrypt(encrypt::Encrypt),
    /// Decrypt and print the plaintext.
    Decrypt(decrypt::Decrypt),
    /// Print the RFC 7638 thumbprint of keys.
    Thumbprint(thumbprint::Thumbprint),
    /// Make a key and print it as a private JWK.
    Generate(generate::Generate),
}

/// Runs one of them. Everything works offline, on files and standard input.
pub(crate) fn run(command: JoseCommand, format: Format) -> Outcome {
    match command {
        JoseCommand::Verify(verify) => verify.run(format),
        JoseCommand::Sign(sign) => sign.run(),
        JoseCommand::Encrypt(encrypt) => encrypt.run(),
        JoseCommand::Decrypt(decrypt) => decrypt.run(format),
        JoseCommand::Thumbprint(thumbprint) => thumbprint.run(format),
        JoseCommand::Generate(generate) => generate.run(),
    }
}
