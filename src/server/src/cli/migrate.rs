//! `margay migrate`.

use anyhow::Result;

use super::Context;
use crate::wiring::Parts;

pub(super) async fn run(context: &Context) -> Result<()> {
    let parts = Parts::open_or_create(&context.config).await?;
    say!("The database is up to date.")?;
    parts.store.close().await;
    Ok(())
}
