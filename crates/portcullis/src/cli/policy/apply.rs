//! `portcullis policy apply` and `shadow`

use super::{count, diff, shown, source};
use crate::{
    cli::{
        Exit, Format, Globals, House, Outcome, Stop, house,
        person::{acting, refused},
        put, table, talk,
    },
    clock::Chance,
};
use portcullis_directory::{Asked, NewPolicy, Outcome as Applied, PolicyPlace};
use portcullis_policy::{
    Bundle, Difference, Files,
    source::{Archive, Delivery},
    test::{self, Report},
};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Put policies into force, at once and on every node of this database.
///
/// They are checked, and their tests are run; then it is said what is different from those in force. A server that
/// runs takes them over within a second; 'policy rollback' brings those before back. Exits with 1, and nothing has
/// changed, if they are refused, if a test fails, or if there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy apply --dry-run
  portcullis policy apply policies
  portcullis policy apply bundle.tar.gz")]
pub(in crate::cli) struct Apply {
    #[command(flatten)]
    checked: Checked,
    /// Only say what would be different.
    #[arg(long)]
    dry_run: bool,
}

/// Let policies decide beside those in force, for the record alone.
///
/// 'explain' and 'policy replay' show what they would have done. Exits with 1 if they are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  portcullis policy shadow new/
  portcullis policy shadow --off")]
pub(in crate::cli) struct Shadow {
    /// The policies: a directory, or a bundle in one file.
    #[arg(value_name = "SOURCE", required_unless_present = "off")]
    source: Option<PathBuf>,
    /// Take them away.
    #[arg(long, conflicts_with = "source")]
    off: bool,
}

#[derive(Debug, clap::Args)]
struct Checked {
    /// The policies: a directory, or a bundle in one file.
    #[arg(value_name = "SOURCE", default_value = "policies")]
    source: PathBuf,
    /// Run no tests.
    #[arg(long)]
    no_test: bool,
}

impl Apply {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        let path = &self.checked.source;
        let delivery = deliver(&house, path)?;
        let tests = if self.checked.no_test { None } else { Some(tested(path, &delivery.bundle)?) };
        house::block_on(async {
            let before = in_force(&house).await?;
            let differences = match &before {
                Some(before) => portcullis_policy::diff(before, &delivery.bundle),
                None => portcullis_policy::diff(&Bundle::none(), &delivery.bundle),
            };
            let differences = differences.map_err(|refused| source::stop(path, refused))?;
            let revision = delivery.bundle.revision();
            let before = before.map(|before| before.revision());
            let changed = if self.dry_run {
                before != Some(revision)
            } else {
                put_into(&house, PolicyPlace::Force, path, delivery).await?
            };
            if globals.format == Format::Text {
                tell(&differences, tests.as_ref())?;
            }
            let short = revision.short();
            talk(match (changed, self.dry_run) {
                (false, _) => format!("policies {short} are in force already"),
                (true, true) => format!("policies {short} would be in force; nothing was changed"),
                (true, false) => format!("policies {short} are in force"),
            });
            let answer = json!({
                "revision": revision,
                "before": before,
                "changed": changed,
                "dry_run": self.dry_run,
                "differences": differences,
                "tests": tests,
            });
            if globals.format == Format::Json {
                globals.format.print(&answer, String::new)?;
            }
            Ok(Exit::Done)
        })
    }
}

impl Shadow {
    pub(super) fn run(self, globals: &Globals) -> Outcome {
        let house = House::open(&globals.config)?;
        if house.config.policy.as_ref().is_some_and(|policy| policy.shadow.is_some()) {
            let file = house.config.file.display();
            return Err(Stop::refused(format!("{file} says what decides in shadow"))
                .hint("change 'shadow' in [policy], or delete it"));
        }
        house::block_on(async {
            let Some(path) = &self.source else {
                let (actor, mut chance) = (house::actor(), Chance);
                let ended = house.policies().end_shadow(acting(&mut chance, &actor)).await;
                ended.map_err(refused)?;
                talk("no policies decide in shadow any more");
                return Ok(Exit::Done);
            };
            let delivery = deliver(&house, path)?;
            let short = delivery.bundle.revision().short();
            put_into(&house, PolicyPlace::Shadow, path, delivery).await?;
            talk(format_args!("policies {short} decide in shadow"));
            Ok(Exit::Done)
        })
    }
}

/// Reads and checks what is to be put somewhere, and says what is doubtful in it.
fn deliver(house: &House, path: &Path) -> Result<Delivery, Stop> {
    let policy = house.config.policy.as_ref();
    if policy.is_none() {
        talk(format_args!("{} has no [policy]: nobody asks them", house.config.file.display()));
    }
    let trusted = policy.and_then(|policy| policy.trusted.as_ref());
    let delivery = source::deliver(path, trusted, &house.config.registry)?;
    for warning in delivery.bundle.warnings() {
        talk(shown(path, warning));
    }
    Ok(delivery)
}

/// Runs the tests; they must pass.
fn tested(path: &Path, bundle: &Bundle) -> Result<Report, Stop> {
    let report = test::run(bundle).map_err(|refused| source::stop(path, refused))?;
    if report.is_good() {
        return Ok(report);
    }
    let failures = report.failures.iter().map(|failure| {
        let file = path.join(&failure.file);
        format!("{}:{}: {} failed: {}", file.display(), failure.line, failure.test, failure.why)
    });
    let failures: Vec<_> = failures.collect();
    let what = match failures.as_slice() {
        [] => "the policies have no test".to_owned(),
        some => format!("the policies do not pass their tests\n{}", some.join("\n")),
    };
    Err(Stop::refused(what).hint("nothing was changed; --no-test leaves the tests out"))
}

/// What is in force now; nothing if it cannot be read by this version, which is said.
pub(super) async fn in_force(house: &House) -> Result<Option<Bundle>, Stop> {
    let Some((_, packed)) = house.policies().in_force().await.map_err(refused)? else {
        return Ok(None);
    };
    let files = Archive::read(&packed).and_then(|archive| archive.files());
    match files.and_then(|files: Files| Bundle::of(files, &house.config.registry)) {
        Ok(bundle) => Ok(Some(bundle)),
        Err(fault) => {
            talk(format_args!("what is in force cannot be used here: {fault}"));
            Ok(None)
        }
    }
}

async fn put_into(
    house: &House,
    place: PolicyPlace,
    path: &Path,
    delivery: Delivery,
) -> Result<bool, Stop> {
    let (actor, mut chance) = (house::actor(), Chance);
    let new = NewPolicy {
        revision: delivery.bundle.revision().to_string(),
        packed: delivery.packed,
        label: delivery.label,
        origin: path.display().to_string(),
        asked: Asked::ByHand,
    };
    let applied = house.policies().apply(acting(&mut chance, &actor), place, new).await;
    Ok(matches!(applied.map_err(refused)?, Applied::Applied(_)))
}

fn tell(differences: &[Difference], tests: Option<&Report>) -> Result<(), Stop> {
    if let Some(tests) = tests {
        talk(format_args!("{} passed", count(tests.passed, "test")));
    }
    if !differences.is_empty() {
        let rows: Vec<_> = differences.iter().map(diff::row).collect();
        put(table(["CHANGE", "RULE OR DATA"], &rows))?;
    }
    Ok(())
}
