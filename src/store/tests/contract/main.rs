//! The contract of the storage ports, written once and held by both engines.
//!
//! SQLite runs every subject in memory and in a file. PostgreSQL runs all of them in one test, so that one server
//! serves all; it is started here if it is installed, else the test says that it was skipped.
//!
//! How to add a contract: an `async fn name(store: Store)` in the module of its subject, and its name in the
//! `checks!` list there. Every check gets an empty database of its own.

#[cfg(test)]
#[macro_use]
mod harness;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod alert_access;
#[cfg(test)]
mod alert_changes;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod content;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod log_sources;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settings;

macro_rules! subjects {
    ($($subject:ident),* $(,)?) => {
        #[cfg(test)]
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $subject() {
                    crate::harness::on_sqlite(crate::$subject::CHECKS).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn postgres() {
            harness::on_postgres(&[$((stringify!($subject), $subject::CHECKS)),*]).await;
        }
    };
}

subjects! {
    accounts, alert_access, alert_changes, alerts, audit, content, grants, log_sources, oauth, opening, rotation,
    sessions, settings,
}
