/** Programs that a driver or the runner starts, each with time-outs, in a process group that can be ended whole. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const running = new Set();

/** The path of a file of an installed package. */
export function installed(file) {
  return fileURLToPath(new URL(`../node_modules/${file}`, import.meta.url));
}

/** The environment of a program: nothing of ours but what it needs, so that no proxy, browser or setting leaks in. */
export function environment(home, more = {}) {
  const { PATH, LANG = "C.UTF-8" } = process.env;
  // Clients that open a browser find one that does nothing; the driver reads the address from their output.
  return { PATH, LANG, HOME: home, TMPDIR: home, NO_COLOR: "1", BROWSER: "true", ...more };
}

export class Program {
  /** All that it printed, both streams. */
  output = "";
  /** What it printed to standard output. */
  stdout = "";
  /** Its exit code, or the signal that ended it, once all its output was read. */
  over;
  #child;
  #watchers = new Set();

  constructor(command, args, { env, cwd, detached = false }) {
    this.name = args[0] ?? command;
    this.detached = detached;
    this.#child = spawn(command, args, { env, cwd, detached, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this);
    this.#child.stdout.setEncoding("utf8").on("data", (text) => {
      this.stdout += text;
      this.#printed(text);
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text) => this.#printed(text));
    // What it started may still run, and hold its output open.
    this.#child.on("exit", () => detached && this.kill());
    this.over = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#printed(`${error.message}\n`);
        resolve(127);
      });
      this.#child.on("close", (code, signal) => resolve(code ?? signal));
    });
    void this.over.then(() => running.delete(this));
  }

  /** The same, but ends it when the time is up. */
  async ended(milliseconds) {
    const timer = setTimeout(() => {
      this.#printed(`\nended after ${milliseconds} ms\n`);
      this.kill();
    }, milliseconds);
    try {
      return await this.over;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits until it has printed something that matches, and returns the match. */
  async printed(pattern, milliseconds) {
    let watcher;
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        const fail = (why) => reject(new Error(`${this.name} ${why} without printing ${pattern}:\n${this.output}`));
        watcher = () => {
          const match = pattern.exec(this.output);
          if (match) resolve(match);
        };
        timer = setTimeout(() => fail(`waited ${milliseconds} ms`), milliseconds);
        this.#watchers.add(watcher);
        watcher();
        void this.over.then((code) => fail(`ended with ${code}`));
      });
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    }
  }

  /** Asks it to end, and makes it end if it does not. */
  async stop(milliseconds) {
    this.kill("SIGTERM");
    return this.ended(milliseconds);
  }

  /** Ends it, and all that it started if it has a group of its own. */
  kill(signal = "SIGKILL") {
    try {
      if (this.detached) process.kill(-this.#child.pid, signal);
      else this.#child.kill(signal);
    } catch {
      // It ended by itself.
    }
  }

  #printed(text) {
    this.output += text;
    for (const watcher of this.#watchers) watcher();
  }
}

/** Ends everything that still runs. */
export function killAll() {
  for (const program of running) program.kill();
}

process.on("exit", killAll);
