//! The command line: a file a command. Standard output is data, standard error is talk.

mod api_key;
mod audit;
mod authority;
mod can_i;
mod check;
mod client;
mod completions;
mod database;
mod demo;
mod explain;
mod grant;
mod house;
mod init;
mod jose;
mod key;
mod login;
mod output;
mod person;
mod policy;
pub(crate) mod provider;
mod scim;
mod serve;
mod session;
mod shown;
mod tenant;
mod token;

pub(crate) use house::{House, ID_TOKEN_ALGS, config, secret};
pub(crate) use init::{Who, create};
pub(crate) use output::{Exit, Format, Outcome, Reader, Stop, data, dated, put, table, talk};

use clap::{
    CommandFactory, Parser, Subcommand,
    builder::{BoolishValueParser, TypedValueParser},
};
use portcullis_types::Ttl;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const AFTER_HELP: &str = "\
Examples:
  portcullis demo                      everything at once, on loopback, with a model to talk to
  portcullis init && portcullis check  a configuration to start from
  portcullis serve                     run it
  portcullis client add my-app --api text --scope generate:basic
  portcullis token get --client-id my-app --scope generate:basic
  portcullis login                     sign in, then 'token get' needs no secret
  portcullis explain dec_01J...        why a request was refused, and what would change that

Exit codes:
  0  it worked                         1  refused, or invalid
  2  wrong use of this command         3  cannot run: configuration, file or network";

/// The configuration that is meant where none is named.
pub(crate) const CONFIG: &str = "portcullis.toml";

/// Issues, checks and explains tokens for AI APIs.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Globals {
    /// The configuration.
    #[arg(
        long,
        global = true,
        env = "PORTCULLIS_CONFIG",
        default_value = CONFIG,
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
    /// Print data as JSON.
    #[arg(long = "json", global = true, action = clap::ArgAction::SetTrue, value_parser = BoolishValueParser::new().map(Format::of_flag))]
    pub(crate) format: Format,
}

impl Globals {
    /// Whether no configuration was named and there is none here, as on the machine of somebody who only uses
    /// an issuer.
    fn is_without_config(&self) -> bool {
        self.config == Path::new(CONFIG) && matches!(self.config.try_exists(), Ok(false))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Serve(serve::Serve),
    Demo(demo::Demo),
    #[command(subcommand)]
    Person(person::PersonCommand),
    #[command(subcommand)]
    Session(session::SessionCommand),
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    #[command(subcommand)]
    Scim(scim::ScimCommand),
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    CanI(can_i::CanI),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Client(client::ClientCommand),
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyCommand),
    #[command(subcommand)]
    Key(key::KeyCommand),
    Login(login::Login),
    Logout(login::Logout),
    #[command(subcommand)]
    Token(token::TokenCommand),
    Explain(explain::Explain),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Jose(jose::JoseCommand),
    Completions(completions::Completions),
}

/// Runs the command that was typed.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let _ = usage.print();
            return if usage.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let globals = &cli.globals;
    let outcome = match cli.command {
        Command::Init(_) => init::Init::run(globals),
        Command::Check(_) => check::Check::run(globals),
        Command::Serve(_) => serve::Serve::run(globals),
        Command::Demo(demo) => demo.run(globals.format),
        Command::Tenant(tenant) => tenant.run(globals),
        Command::CanI(can_i) => can_i.run(globals),
        Command::Policy(policy) => policy.run(globals),
        Command::Client(client) => client.run(globals),
        Command::Person(person) => person.run(globals),
        Command::Session(session) => session.run(globals),
        Command::Grant(grant) => grant.run(globals),
        Command::Scim(scim) => scim.run(globals),
        Command::ApiKey(key) => key.run(globals),
        Command::Key(key) => key.run(globals),
        Command::Login(login) => login.run(globals),
        Command::Logout(logout) => logout.run(globals),
        Command::Token(token) => token.run(globals),
        Command::Explain(explain) => explain.run(globals),
        Command::Audit(audit) => audit.run(globals),
        Command::Jose(jose) => jose::run(jose, globals.format),
        Command::Completions(completions) => completions.run(&mut Cli::command()),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(stop) => stop.tell(globals.format),
    }
}

/// A span of time with its unit, as in the configuration.
fn ttl(text: &str) -> Result<Ttl, String> {
    crate::config::ttl(text).ok_or_else(|| "a number and ms, s, m, h or d, such as 24h".to_owned())
}
