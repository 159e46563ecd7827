//! `margay demo`.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use margay_domain::secret::{Secret, SecretKind};

use super::{Context, serve};
use crate::{
    demo::{self, Content},
    wiring::Parts,
};

/// Serve a generated week of logs, detections and alerts with three people. Loopback only.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port to listen on; must be loopback.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The seed of the generated week: the same seed gives the same week.
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
        dir.path().clone_into(&mut context.config.data.dir);
    }
    let parts = Parts::open(&context.config).await?;
    let given = std::env::var("MARGAY_DEMO_PASSWORD").ok().filter(|password| !password.is_empty());
    let password = given.clone().unwrap_or_else(|| {
        Secret::generate(SecretKind::Setup, parts.entropy.as_ref()).expose().chars().skip(4).take(16).collect()
    });
    let dir = context.config.data.dir.display();
    match demo::content(&parts).await? {
        Content::Real => bail!("{dir} holds an installation that is not a demo; name another folder with --data-dir"),
        Content::Demo => {
            println!("Using the demo data in {dir}");
            demo::set_passwords(&parts, &password).await?;
        }
        Content::Empty => {
            println!("Making a week of logs, detections and alerts …");
            println!("{}", demo::fill(&parts, args.seed, &password).await?);
        }
    }
    let notice = "This is the demo: everything in it is made up.".to_owned();
    let running = serve::start(&context.config, parts, Some(notice)).await?;
    println!();
    println!("Margay is ready at {}", running.application.addresses.console_url);
    println!("MCP endpoint:       {}/mcp", running.application.addresses.api_url);
    println!("Sign in as admin@example.com, analyst@example.com or viewer@example.com");
    match given {
        Some(_) => println!("with the password from MARGAY_DEMO_PASSWORD."),
        None => println!("with the password  {password}"),
    }
    running.until_stopped().await
}
