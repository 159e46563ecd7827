//! The real binary as a server, for what concerns a process: its files, its limits, its end.

use std::{
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use reqwest::StatusCode;

use crate::command_line::prepare;

/// How long the server may take to notice what happened outside.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `margay serve`, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    /// Kept open, so that it can print what it has to say after it is ready.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Serves `data` below `dir` on a free port.
    pub(crate) fn serve(dir: &Path, data: &str) -> Self {
        // A write beyond a limit of size then is an error, as on a disk that fails, and not the end of the process.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_margay")]);
        let mut command = prepare(command, dir, &["--data-dir", data, "serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary runs");
        let mut output = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = output
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Margay is ready at ").map(str::to_owned));
        let url = ready.unwrap_or_else(|| panic!("it did not start: {:?}", child.wait()));
        Self { child, url, _output: output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        self.child.wait().expect("its end")
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.expect("an answer");
        (response.status(), response.text().await.expect("text"))
    }

    /// Waits until `/readyz` gives this answer: the clock of a real process cannot be moved.
    pub(crate) async fn until_ready_says(&self, status: StatusCode, text: &str) {
        let expected = (status, text.to_owned());
        let seen = async {
            while self.get("/readyz").await != expected {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, seen).await.is_ok();
        assert!(in_time, "{:?}, not {expected:?}", self.get("/readyz").await);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where a story ended it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
