//! `margay demo`.

use std::{net::SocketAddr, path::Path};

use anyhow::{Result, bail};
use margay_domain::secret::{Secret, SecretKind};

use super::{Context, serve};
use crate::{
    config::Config,
    data_folder::ServerLock,
    demo::{self, Content},
    wiring::Parts,
};

/// How the demo is made and where it listens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port to listen on, on this machine; without it server.listen of the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A number from which the week is made; the same number gives the same week.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) async fn run(mut context: Context, args: Args) -> Result<()> {
    if let Some(listen) = args.listen {
        context.config.server.listen = listen;
    }
    let listen = context.config.server.listen;
    // The demo's accounts are known to everybody who reads this.
    if !listen.ip().is_loopback() {
        bail!("the demo listens on loopback only, not on {listen}; use `margay serve` for anything else");
    }
    let throw_away = if context.data_dir_given { None } else { Some(tempfile::tempdir()?) };
    if let Some(dir) = &throw_away {
        keep_apart(&mut context.config, dir.path());
    }
    context.config.validate()?;
    // Before anything is made or changed: on a used port this may well be the second start of the same demo.
    let listener = serve::bind(&context.config).await?;
    let lock = ServerLock::take(&context.config)?;
    let parts = Parts::open_or_create(&context.config).await?;
    let given = std::env::var("MARGAY_DEMO_PASSWORD").ok().filter(|password| !password.is_empty());
    let password = given.clone().unwrap_or_else(|| {
        Secret::generate(SecretKind::Setup, parts.entropy.as_ref()).expose().chars().skip(4).take(16).collect()
    });
    let (place, advice) = if context.config.database.url.is_empty() {
        (context.config.data.dir.display().to_string(), "name another folder with --data-dir")
    } else {
        ("the database of database.url".to_owned(), "name another one, or leave database.url empty")
    };
    match demo::content(&parts).await? {
        Content::Real => bail!("{place} holds an installation that is not a demo; {advice}"),
        Content::Demo => {
            say!("Using the demo data in {place}")?;
            demo::set_passwords(&parts, &password).await?;
        }
        Content::Unfinished(begun) => {
            say!("Finishing the demo data in {place}, which an earlier start began …")?;
            let made = demo::finish(&parts, begun, &password).await?;
            say!("{made}")?;
        }
        Content::Empty => {
            say!("Making a week of logs, detections and alerts …")?;
            let made = demo::fill(&parts, args.seed, &password).await?;
            say!("{made}")?;
        }
    }
    let notice = "This is the demo: everything in it is made up.".to_owned();
    let running = serve::start_on(listener, &context.config, parts, Some(notice)).await?;
    let signals = serve::Signals::listen()?;
    say!("")?;
    say!("Margay is ready at {}", running.application.addresses.console_url)?;
    say!("MCP endpoint:       {}/mcp", running.application.addresses.api_url)?;
    say!("Sign in as admin@example.com, analyst@example.com or viewer@example.com")?;
    match given {
        Some(_) => say!("with the password from MARGAY_DEMO_PASSWORD.")?,
        None => say!("with the password  {password}")?,
    }
    running.until_stopped(signals, lock).await
}

/// Puts a demo that is thrown away at the end into `dir`, and keeps it out of a configured PostgreSQL: its accounts
/// are known to everybody, and would stay there.
fn keep_apart(config: &mut Config, dir: &Path) {
    dir.clone_into(&mut config.data.dir);
    config.database.url.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_that_is_thrown_away_uses_no_configured_database() {
        let mut config = Config::default();
        config.database.url = "postgres://margay@db.example.com/margay".to_owned();
        keep_apart(&mut config, Path::new("/tmp/demo"));
        assert_eq!(config.database(), margay_store::Database::Sqlite { path: "/tmp/demo/margay.db".into() });
    }
}
