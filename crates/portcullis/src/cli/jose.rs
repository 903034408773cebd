//! `portcullis jose`: the tool for looking at a token without pasting it into a web page.

mod decrypt;
mod encrypt;
mod generate;
pub(super) mod input;
mod sign;
mod thumbprint;
mod verify;

use super::{Format, Outcome};

/// Verify, sign, encrypt and decrypt with JOSE, on files and standard input.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum JoseCommand {
    Verify(verify::Verify),
    Sign(sign::Sign),
    Encrypt(encrypt::Encrypt),
    Decrypt(decrypt::Decrypt),
    Thumbprint(thumbprint::Thumbprint),
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
