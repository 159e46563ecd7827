//! Alerts of a world whose database fails now and then.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use margay_domain::{
    alert::{Alert, AlertChange, AlertComment, AlertFilter, AlertPosition, AlertTally},
    clock::Timestamp,
    id::{AlertId, UserId},
    ports::{Alerts, StoreError, StoreResult},
    role::LogTypeAccess,
};

use crate::{fakes::World, tool::ToolContext};

/// Fails for some alerts and otherwise does what the world does.
struct Flaky {
    world: Arc<World>,
    changes: &'static [&'static str],
    comments: &'static [&'static str],
}

/// A call in `world`, where alerts whose id is in `changes` cannot be changed, and those in `comments` not commented on.
pub(super) fn context(
    world: &Arc<World>,
    changes: &'static [&'static str],
    comments: &'static [&'static str],
) -> ToolContext {
    let mut context = World::context_of(world);
    context.ports.alerts = Arc::new(Flaky { world: world.clone(), changes, comments });
    context
}

fn refuse(failing: &[&str], ids: &[AlertId]) -> StoreResult<()> {
    if ids.iter().any(|id| failing.contains(&id.as_str())) {
        return Err(StoreError::Unavailable("disk full at /secret".to_owned()));
    }
    Ok(())
}

#[async_trait]
impl Alerts for Flaky {
    async fn put(&self, alerts: &[Alert]) -> StoreResult<()> {
        Alerts::put(&*self.world, alerts).await
    }

    async fn get(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Option<Alert>> {
        Alerts::get(&*self.world, id, access).await
    }

    async fn list(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertPosition>,
        limit: u32,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<Alert>> {
        Alerts::list(&*self.world, filter, after, limit, access).await
    }

    async fn count(&self, filter: &AlertFilter, access: &LogTypeAccess) -> StoreResult<u64> {
        Alerts::count(&*self.world, filter, access).await
    }

    async fn tally(
        &self,
        filter: &AlertFilter,
        width: Duration,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertTally>> {
        Alerts::tally(&*self.world, filter, width, access).await
    }

    async fn change(
        &self,
        ids: &[AlertId],
        change: &AlertChange,
        by: &UserId,
        now: Timestamp,
        access: &LogTypeAccess,
    ) -> StoreResult<Vec<AlertId>> {
        refuse(self.changes, ids)?;
        Alerts::change(&*self.world, ids, change, by, now, access).await
    }

    async fn add_comment(&self, comment: &AlertComment, access: &LogTypeAccess) -> StoreResult<()> {
        refuse(self.comments, std::slice::from_ref(&comment.alert_id))?;
        Alerts::add_comment(&*self.world, comment, access).await
    }

    async fn comments(&self, id: &AlertId, access: &LogTypeAccess) -> StoreResult<Vec<AlertComment>> {
        Alerts::comments(&*self.world, id, access).await
    }
}
