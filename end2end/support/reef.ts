import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const READY_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 10_000;

/** A `reef serve` process with a temporary folder, a free port, SQLite and the sandbox. */
export class Reef {
  private constructor(
    readonly url: string,
    private readonly folder: string,
    private readonly environment: NodeJS.ProcessEnv,
    private server: ChildProcess,
  ) {}

  /** Starts the binary at `REEF_BIN` with these additional settings, and waits until it is ready. */
  static async start(settings: Record<string, string> = {}): Promise<Reef> {
    const folder = await mkdtemp(join(tmpdir(), "reef-end2end-"));
    const address = `127.0.0.1:${await freePort()}`;
    // The configuration of the developer must not leak into the tests.
    const environment = {
      PATH: process.env.PATH,
      HOME: folder,
      BIND_ADDR: address,
      SANDBOX: "true",
      RUST_LOG: "info",
      ...settings,
    };
    const reef = new Reef(`http://${address}`, folder, environment, serve(folder, environment));
    await reef.waitUntilReady();
    return reef;
  }

  /** Creates an account on the command line. */
  async createUser(email: string, password: string): Promise<void> {
    await this.command(["user", "create", "--email", email, "--password-stdin"], password);
  }

  /** Creates an API key on the command line and returns it. */
  async createKey(email: string, name = "end2end"): Promise<string> {
    return (await this.command(["key", "create", "--email", email, "--name", name])).trim();
  }

  /** Runs `reef …` with the same database and returns its output. */
  async command(words: string[], input = ""): Promise<string> {
    const running = promisify(execFile)(binary(), words, { cwd: this.folder, env: this.environment });
    // Even an empty write fails if the command reads no input and has ended already.
    running.child.stdin?.end(input || undefined);
    return (await running).stdout;
  }

  /** Returns the log of the server. */
  async log(): Promise<string> {
    return readFile(join(this.folder, "reef.log"), "utf8");
  }

  /** Kills the server, waits for `work`, and starts the server again with the same address and data. */
  async crashDuring(work: () => Promise<void>): Promise<void> {
    const ended = new Promise((resolve) => this.server.once("exit", resolve));
    this.server.kill("SIGKILL");
    await ended;
    await work();
    this.server = serve(this.folder, this.environment);
    await this.waitUntilReady();
  }

  /** Stops the server with SIGTERM, as an operator would, and removes its folder. */
  async stop(): Promise<void> {
    if (this.server.exitCode === null && this.server.signalCode === null) {
      const ended = new Promise((resolve) => this.server.once("exit", resolve));
      this.server.kill("SIGTERM");
      const last = setTimeout(() => this.server.kill("SIGKILL"), STOP_LIMIT_MS);
      await ended;
      clearTimeout(last);
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private async waitUntilReady(): Promise<void> {
    const deadline = Date.now() + READY_LIMIT_MS;
    while (Date.now() < deadline) {
      if (this.server.exitCode !== null) break;
      const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    const log = await this.log();
    await this.stop();
    throw new Error(`reef did not become ready at ${this.url}:\n${log}`);
  }
}

function serve(folder: string, environment: NodeJS.ProcessEnv): ChildProcess {
  const server = spawn(binary(), ["serve"], { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(join(folder, "reef.log"), { flags: "a" });
  server.stdout?.pipe(log, { end: false });
  server.stderr?.pipe(log, { end: false });
  return server;
}

function binary(): string {
  const path = process.env.REEF_BIN;
  if (!path) throw new Error("REEF_BIN is not set: run `cargo xtask end2end`");
  return path;
}

/** Finds a free port. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
