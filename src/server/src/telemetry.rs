//! Logging to standard error.

use std::{
    env,
    fmt::{self, Write as _},
    io::{self, IsTerminal as _},
    panic::{self, PanicHookInfo},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::FilterExt as _,
    fmt::{MakeWriter, layer},
    layer::{Context, Filter, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::config::{ConfigError, Log, LogFormat};

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The operator of a server.
    Operator,
    /// The person who waits for a command to end. It tells them itself what became of their files and tables.
    Terminal,
}

/// What libraries report as a fault although it is none: the target and the message.
const NO_FAULT: [(&str, &str); 5] = [
    // A client that went away before its answer was sent.
    ("rmcp", "failed to send pending response during drain"),
    ("rmcp", "fail to response message"),
    // Two writers of one table: the second one looks at what the first one did, and goes on.
    ("deltalake", "table updated during transaction, checking for conflicts"),
    ("deltalake", "version already exists, will retry"),
    ("deltalake", "commit entry already exists"),
];

/// A library gives up a file that could not be written, another one catches that and returns the error. The place and the
/// message.
const CAUGHT_PANIC: (&str, &str) = ("object_store", "Already shut down");

/// Reads `log.filter`.
pub(crate) fn filter(text: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(text).map_err(|error| {
        ConfigError::Invalid(format!("log.filter: {text:?} is no filter such as info or margay=debug,warn ({error})"))
    })
}

/// Starts logging. In a process that logs already nothing changes.
pub fn start(log: &Log, reader: Reader) -> Result<(), ConfigError> {
    let started = subscriber(log, reader, io::stderr, has_colour())?.try_init();
    if started.is_ok() {
        quiet_caught_panic();
    }
    Ok(())
}

/// Colour codes are for eyes, never for files. See <https://no-color.org>.
fn has_colour() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn subscriber<W>(log: &Log, reader: Reader, writer: W, colour: bool) -> Result<impl Subscriber + use<W>, ConfigError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let storage = if reader == Reader::Terminal { "error" } else { "warn" };
    // The planner and the table format talk a lot at `info`. What the protocol library warns of are mistakes of clients,
    // with ids that they chose.
    let quiet = [
        ("datafusion", "warn"),
        ("deltalake", storage),
        ("deltalake_core", storage),
        ("object_store", storage),
        ("delta_kernel", storage),
        ("buoyant_kernel", storage),
        ("sqlx", "warn"),
        ("rmcp", "error"),
    ];
    let asked = filter(&log.filter)?;
    let filter = quiet.into_iter().fold(asked, |filter, (target, level)| match format!("{target}={level}").parse() {
        Ok(directive) if !log.filter.contains(target) => filter.add_directive(directive),
        _ => filter,
    });
    // A library that is asked for by name is shown whole.
    let left_out = NO_FAULT.into_iter().filter(|(target, _)| !log.filter.contains(target)).collect();
    let lines = layer().with_writer(writer).with_ansi(colour);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => lines.with_target(false).compact().boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter.and(WithoutNoise { left_out }))))
}

/// Leaves out what is [`NO_FAULT`].
struct WithoutNoise {
    left_out: Vec<(&'static str, &'static str)>,
}

impl<S> Filter<S> for WithoutNoise {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let target = event.metadata().target();
        if !self.left_out.iter().any(|(library, _)| target.starts_with(library)) {
            return true;
        }
        let mut message = Message::default();
        event.record(&mut message);
        !self.left_out.iter().any(|(library, text)| target.starts_with(library) && message.0 == *text)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A String takes everything.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

/// Keeps the panic that a library catches itself off the terminal; all others are printed as ever.
fn quiet_caught_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if !is_caught(panicked) {
            print(panicked);
        }
    }));
}

fn is_caught(panicked: &PanicHookInfo<'_>) -> bool {
    let (library, message) = CAUGHT_PANIC;
    panicked.payload_as_str() == Some(message)
        && panicked.location().is_some_and(|place| place.file().contains(library))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A file.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(filter: &str, format: LogFormat, reader: Reader, colour: bool, events: impl FnOnce()) -> String {
        let written = Written::default();
        let file = written.clone();
        let log = Log { filter: filter.to_owned(), format };
        let subscriber = subscriber(&log, reader, move || file.clone(), colour).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    /// As the libraries write them.
    fn library_events() {
        let error = "SendError";
        tracing::error!(target: "rmcp::service", %error, "failed to send pending response during drain");
        tracing::error!(target: "rmcp::service", %error, "fail to response message");
        tracing::error!(target: "rmcp::service", %error, "response send task failed");
        tracing::warn!(target: "rmcp::service", "a mistake of a client");
        tracing::warn!(target: "deltalake_core::kernel::transaction", version = 7, "version already exists, will retry");
        tracing::warn!(target: "deltalake_core::kernel::transaction", "table updated during transaction, checking for conflicts");
        tracing::warn!(target: "deltalake_core::logstore", "commit entry already exists");
        tracing::warn!(target: "deltalake_core::datafile::writer", "parts are left");
        tracing::error!(target: "deltalake_core::logstore", "failed to write commit entry");
        tracing::error!(target: "margay_oauth", "fail to response message");
        tracing::info!(target: "margay_server", "ours");
    }

    fn messages(log: &str) -> Vec<String> {
        log.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["fields"]["message"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_client_that_leaves_and_writers_that_meet_are_no_fault() {
        let seen = log("info", LogFormat::Json, Reader::Operator, false, library_events);
        assert_eq!(
            messages(&seen),
            [
                "response send task failed",
                "parts are left",
                "failed to write commit entry",
                "fail to response message",
                "ours"
            ]
        );
        let seen = log("info", LogFormat::Json, Reader::Terminal, false, library_events);
        assert_eq!(
            messages(&seen),
            ["response send task failed", "failed to write commit entry", "fail to response message", "ours"]
        );
    }

    #[test]
    fn a_library_that_is_asked_for_is_shown_whole() {
        let seen = log("error,rmcp=debug", LogFormat::Json, Reader::Operator, false, library_events);
        assert_eq!(messages(&seen).iter().filter(|message| *message == "fail to response message").count(), 2);
        assert!(seen.contains("a mistake of a client") && seen.contains("during drain"), "{seen}");
    }

    #[test]
    fn files_hold_no_colour_codes() {
        let event = || tracing::error!(number = 1, "something");
        for format in [LogFormat::Text, LogFormat::Json] {
            let seen = log("info", format, Reader::Operator, false, event);
            assert!(seen.contains("something") && !seen.contains('\u{1b}'), "{seen:?}");
        }
        assert!(log("info", LogFormat::Text, Reader::Operator, true, event).contains('\u{1b}'));
    }
}
