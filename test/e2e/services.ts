/**
 * The files that run the program as a service: systemd's unit, the container, Windows, and the installer.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configOf } from "../support/machine.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { type Exit, fixture, projectRoot, startProgram } from "../support/program.ts";

/** What `systemd-analyze security` gave for the unit, rounded up to a tenth: more means that a restriction was loosened. */
const highestExposure = 1.5;

const contrib = `${projectRoot}contrib/`;

async function run(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Exit> {
  const { code, stdout, stderr } = await new Deno.Command(name, {
    args: [...args],
    env: { ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** The lines of a file that are not comments. */
function linesOf(path: string): readonly string[] {
  return Deno.readTextFileSync(contrib + path).split("\n").filter((line) => !/^\s*#/.test(line));
}

/** The unit as on a machine where the binary is installed, since systemd checks that it exists. */
function unitIn(folder: string, change = (unit: string) => unit): string {
  const unit = Deno.readTextFileSync(`${contrib}systemd/jobrunner.service`);
  const path = `${folder}/jobrunner.service`;
  const here = unit.replace("ExecStart=/usr/local/bin/jobrunner ", "ExecStart=/bin/true ");
  assert.notEqual(here, unit);
  Deno.writeTextFileSync(path, change(here));
  return path;
}

/** What `systemd-analyze verify` reports about units. */
async function complaints(...paths: readonly string[]): Promise<readonly string[]> {
  const { stderr, code } = await run("systemd-analyze", ["verify", ...paths]);
  const lines = stderr.split("\n").filter((line) => /jobrunner|(password|tokens)\.conf/.test(line));
  return code === 0 || lines.length > 0 ? lines : [stderr];
}

Deno.test("systemd-analyze verify accepts the unit, alone and with its drop-ins", async () => {
  using folder = temporaryFolder();
  const unit = unitIn(folder.path);
  assert.deepEqual(await complaints(unit), []);
  Deno.mkdirSync(`${unit}.d`);
  for (const name of ["password.conf", "tokens.conf"]) {
    const dropIn = `${unit}.d/${name}`;
    Deno.copyFileSync(`${contrib}systemd/${name}`, dropIn);
    assert.deepEqual(await complaints(unit), []);
    // All are checked: an error in any is found.
    Deno.writeTextFileSync(dropIn, "[Service]\nLoadCredentials=x:/x\n");
    assert.match((await complaints(unit)).join("\n"), /LoadCredentials/);
    Deno.copyFileSync(`${contrib}systemd/${name}`, dropIn);
  }
  unitIn(folder.path, (text) => text.replace("KillMode=mixed", "KillMode=mild"));
  assert.match((await complaints(unit)).join("\n"), /mild/);
});

Deno.test("systemd-analyze verify accepts the units that start jobrunner with its first client", async () => {
  using folder = temporaryFolder();
  const unit = unitIn(folder.path);
  Deno.mkdirSync(`${unit}.d`);
  Deno.copyFileSync(`${contrib}systemd/activated.conf`, `${unit}.d/activated.conf`);
  const units = ["jobrunner-proxy.socket", "jobrunner-proxy.service"].map((name) => {
    Deno.copyFileSync(`${contrib}systemd/${name}`, `${folder.path}/${name}`);
    return `${folder.path}/${name}`;
  });
  assert.deepEqual(await complaints(...units, unit), []);
  // All are checked: an error in any is found.
  for (const path of [...units, `${unit}.d/activated.conf`]) {
    const text = Deno.readTextFileSync(path);
    Deno.writeTextFileSync(path, `${text}[Unit]\nUnneeded=yes\n`);
    assert.match((await complaints(...units, unit)).join("\n"), /Unneeded/, path);
    Deno.writeTextFileSync(path, text);
  }
});

Deno.test("systemd-socket-proxyd passes jobs on to a port and to a unix socket, and exits when it is idle", async () => {
  using folder = temporaryFolder();
  const command = linesOf("systemd/jobrunner-proxy.service")
    .flatMap((line) => line.startsWith("ExecStart=") ? [line.slice("ExecStart=".length)] : []);
  const [proxyd = "", idle = "", ...rest] = command.join().split(" ");
  assert.match(idle, /^--exit-idle-time=/);
  assert.deepEqual(rest, ["127.0.0.1:8081"]);
  const socket = `${folder.path}/http.sock`;
  for (const address of ["127.0.0.1", `unix:${socket}`]) {
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_HTTP_LISTEN_ADDRESS: address,
      },
    });
    const to = address === "127.0.0.1" ? new URL(program.url).host : socket;
    const port = freePort();
    const proxy = new Deno.Command("systemd-socket-activate", {
      args: ["-l", `127.0.0.1:${port}`, proxyd, "--exit-idle-time=1s", to],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const url = `http://127.0.0.1:${port}`;
    // A connection that is kept would not be idle.
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    const through = () =>
      post(url, "echo through", { client }).then(({ output }) => output, () => "");
    await eventually("the proxy listens", async () => await through() === "through\n");
    assert.equal((await proxy.status).code, 0);
  }
});

Deno.test(`systemd-analyze security gives the unit at most ${highestExposure}, and V8 may write its code`, async () => {
  using folder = temporaryFolder();
  const exposure = async (path: string) => {
    const args = ["security", "--offline=yes", "--no-pager", path];
    const { stdout, stderr } = await run("systemd-analyze", args);
    const [, figure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
    assert.ok(figure, stderr);
    return Number(figure);
  };
  assert.ok(await exposure(unitIn(folder.path)) <= highestExposure);
  const looser = unitIn(folder.path, (text) => text.replace("PrivateDevices=yes\n", ""));
  assert.ok(await exposure(looser) > highestExposure, "one line less is seen");
  const unit = linesOf("systemd/jobrunner.service");
  assert.ok(!unit.some((line) => line.startsWith("MemoryDenyWriteExecute")));
});

/** How long a stop may take at most by default: the drain, the grace, and ten seconds for all else. */
const { drainTimeoutMs, killGraceMs } = configOf({ JOBRUNNER_CMD: "/bin/date" }).stopping;
const stopSec = (drainTimeoutMs + killGraceMs) / 1000 + 10;

Deno.test("--stop-timeout is the same in the guide for Docker and in the Dockerfile", async () => {
  for (
    const file of [`${projectRoot}docs/guides/deploy-docker.md`, `${contrib}docker/Dockerfile`]
  ) {
    const text = await Deno.readTextFile(file);
    const told = [...text.matchAll(/--stop-timeout[ =](\d+)/g)].map(([, seconds]) => seconds);
    assert.deepEqual([...new Set(told)], [String(stopSec)], file);
  }
});

Deno.test("jobrunner.service has the program's stop timeout, and jobrunner.env.example existing settings", async () => {
  const unit = linesOf("systemd/jobrunner.service");
  const stop = `TimeoutStopSec=${stopSec}`;
  const reload = "ExecReload=kill -HUP $MAINPID";
  for (const line of ["Type=notify", "NotifyAccess=main", reload, "KillMode=mixed", stop]) {
    assert.ok(unit.includes(line), line);
  }
  const settings = await Deno.readTextFile(`${projectRoot}docs/reference/settings.md`);
  const example = await Deno.readTextFile(`${contrib}systemd/jobrunner.env.example`);
  const names = [...example.matchAll(/^#?(JOBRUNNER_\w+)=/gm)].map(([, name = ""]) => name);
  assert.ok(names.includes("JOBRUNNER_CMD"));
  for (const name of names) assert.ok(settings.includes(`| \`${name}\``), name);
});

Deno.test("jobrunner.service has its spool in its cache directory, not in a /tmp that may be in memory", () => {
  const unit = linesOf("systemd/jobrunner.service");
  for (
    const line of [
      "CacheDirectory=jobrunner",
      "CacheDirectoryMode=0700",
      "Environment=JOBRUNNER_SPOOL_DIR=%C/jobrunner",
    ]
  ) assert.ok(unit.includes(line), line);
});

/** A release as it is downloaded (a binary, the sums, the installer), and where it is to be installed. */
function release(folder: string) {
  const file = `${folder}/jobrunner-linux-x64`;
  const sums = `${folder}/SHA256SUMS`;
  const root = `${folder}/root`;
  const installed = `${root}/usr/local/bin/jobrunner`;
  Deno.writeTextFileSync(file, "#!/bin/sh\necho installed\n");
  Deno.copyFileSync(`${projectRoot}install.sh`, `${folder}/install.sh`);
  return {
    file,
    installed,
    root,
    write: (text: string) => Deno.writeTextFileSync(sums, text),
    async sum() {
      const digest = await crypto.subtle.digest("SHA-256", Deno.readFileSync(file));
      return new Uint8Array(digest).toHex();
    },
    install: (...args: readonly string[]) =>
      run("sh", [`${folder}/install.sh`, ...args], { DESTDIR: root }),
    /** Asserts that nothing is installed, not even a part under another name. */
    assertNothing() {
      const found = [...walk(root)].filter((path) => !path.endsWith("/"));
      assert.deepEqual(found, []);
    },
  };
}

/** All paths below a folder; those of folders end with a slash. */
function* walk(folder: string): Generator<string> {
  let entries: Deno.DirEntry[] = [];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const { name, isDirectory } of entries) {
    const path = `${folder}/${name}`;
    yield isDirectory ? `${path}/` : path;
    if (isDirectory) yield* walk(path);
  }
}

Deno.test("install.sh installs an executable with the right sum, also over an older one", async () => {
  using folder = temporaryFolder();
  const { file, installed, root, write, sum, install } = release(folder.path);
  write(`${"0".repeat(64)}  other\n${await sum()}  jobrunner-linux-x64\n`);
  for (let time = 0; time < 2; time++) {
    const { code, stderr } = await install(file);
    assert.equal(code, 0, stderr);
    assert.equal((await run(installed, [])).stdout, "installed\n");
    assert.equal((Deno.statSync(installed).mode ?? 0) & 0o777, 0o755);
  }
  assert.deepEqual([...walk(root)].filter((path) => !path.endsWith("/")), [installed]);
  // Sums in another file, written in binary mode.
  const elsewhere = `${folder.path}/sums`;
  Deno.writeTextFileSync(elsewhere, `${await sum()} *jobrunner-linux-x64\n`);
  assert.equal((await install(file, elsewhere)).code, 0);
});

Deno.test("install.sh refuses a file whose sum is wrong or missing, and names the reason", async () => {
  using folder = temporaryFolder();
  const { file, write, sum, install, assertNothing } = release(folder.path);
  const good = await sum();
  const refused = async (why: RegExp, ...args: readonly string[]) => {
    const { code, stderr } = await install(...args);
    assert.equal(code, 1, stderr);
    assert.match(stderr, why);
    assertNothing();
  };
  await refused(/SHA256SUMS: no such file/, file);
  write(`${good.replace(/^./, (digit) => digit === "0" ? "1" : "0")}  jobrunner-linux-x64\n`);
  await refused(/its SHA-256 is .* says/, file);
  for (
    const text of [
      "",
      `${good}  jobrunner-linux-x64.old\n`,
      `${good}  old/jobrunner-linux-x64\n`,
      `${good.slice(1)}  jobrunner-linux-x64\n`,
    ]
  ) {
    write(text);
    await refused(/has no line for jobrunner-linux-x64/, file);
  }
  write(`${good}  jobrunner-linux-x64\n${"0".repeat(64)}  jobrunner-linux-x64\n`);
  await refused(/more than one line/, file);
  write(`${good}  jobrunner-linux-x64\n`);
  await refused(/no such file/, `${file}.missing`);
  await refused(/download it/, "https://example.com/jobrunner-linux-x64");
  await refused(/no contrib\/systemd\/jobrunner\.service/, "--systemd", file);
  assert.equal((await install()).code, 2);
  assert.equal((await install("--sistemd", file)).code, 2);
  assert.match((await install("--help")).stdout, /^Usage: /);
  assertNothing();
});

Deno.test("install.sh --systemd installs a unit that starts the installed binary", async () => {
  using folder = temporaryFolder();
  const { file, root, write, sum } = release(folder.path);
  write(`${await sum()}  jobrunner-linux-x64\n`);
  Deno.mkdirSync(`${folder.path}/contrib/systemd`, { recursive: true });
  Deno.copyFileSync(
    `${contrib}systemd/jobrunner.service`,
    `${folder.path}/contrib/systemd/jobrunner.service`,
  );
  const env = { DESTDIR: root, PREFIX: "/opt/job.runner" };
  const { code, stderr } = await run(
    "sh",
    [`${folder.path}/install.sh`, file, "--systemd"],
    env,
  );
  assert.equal(code, 0, stderr);
  const unit = Deno.readTextFileSync(`${root}/etc/systemd/system/jobrunner.service`);
  assert.match(unit, /^ExecStart=\/opt\/job\.runner\/bin\/jobrunner serve$/m);
  assert.ok(Deno.statSync(`${root}/opt/job.runner/bin/jobrunner`).isFile);
});

Deno.test("contrib's batch files expand no variable that a client sets", () => {
  const batches = [...walk(`${projectRoot}contrib`)].filter((path) => /\.(bat|cmd)$/i.test(path));
  assert.ok(batches.length >= 3, "the batch files were found");
  // A variable is expanded by %NAME%, %NAME:…% and, where that is on, by !NAME!.
  const expansion = /[%!](JOBRUNNER_REQUEST_ID|TRACEPARENT|TRACESTATE)\b/i;
  assert.match("echo %JOBRUNNER_REQUEST_ID:~0,3%", expansion);
  for (const path of batches) {
    const text = Deno.readTextFileSync(path);
    assert.doesNotMatch(text, expansion, path);
    assert.doesNotMatch(text, /%JOBRUNNER_PASSWORD[%:]/i, path);
    assert.doesNotMatch(text, /\bEnableDelayedExpansion/i, path);
  }
});

Deno.test("jobrunner.xml is valid XML and has what WinSW needs", async () => {
  const path = `${contrib}windows/jobrunner.xml`;
  const { code, stderr } = await run("xmllint", ["--noout", path]);
  assert.equal(code, 0, stderr);
  const value = async (xpath: string) =>
    (await run("xmllint", ["--xpath", `string(${xpath})`, path])).stdout.trim();
  assert.equal(await value("/service/id"), "jobrunner");
  assert.equal(await value("/service/executable"), "%BASE%\\jobrunner.exe");
  assert.equal(await value("/service/arguments"), "serve");
  assert.equal(await value("/service/stoptimeout"), `${stopSec} sec`);
  assert.equal(await value("/service/onfailure[1]/@action"), "restart");
  assert.equal(await value("/service/log/@mode"), "roll-by-size");
  const command = await value("/service/env[@name='JOBRUNNER_CMD']/@value");
  assert.ok(Deno.statSync(`${contrib}windows/${command.replace("%BASE%\\", "")}`).isFile);
});

Deno.test("the container runs as an unprivileged user, under an init, with a health check", () => {
  const text = linesOf("docker/Dockerfile").join("\n").replace(/\\\n\s*/g, "");
  const instructions = text.split("\n").filter((line) => line !== "");
  const the = (name: string) => {
    const found = instructions.filter((line) => line.startsWith(`${name} `));
    assert.equal(found.length, 1, name);
    return (found[0] ?? "").slice(name.length + 1);
  };
  assert.equal(the("FROM"), "debian:bookworm-slim");
  assert.match(the("USER"), /^[1-9]\d{3,}:[1-9]\d{3,}$/);
  assert.deepEqual(JSON.parse(the("ENTRYPOINT")), ["tini", "--", "jobrunner"]);
  assert.deepEqual(JSON.parse(the("CMD")), ["serve"]);
  assert.match(the("HEALTHCHECK"), /CMD curl .*\/livez"$/);
  assert.match(the("COPY"), /^--chmod=0755 jobrunner-linux-x64 \/usr\/local\/bin\/jobrunner$/);
  assert.equal(the("EXPOSE"), "8080");
  for (const name of ["curl", "tini"]) {
    assert.match(instructions.join("\n"), new RegExp(`apt-get install [^&]* ${name}\\b`));
  }
  assert.ok(instructions.includes("ENV JOBRUNNER_HTTP_LISTEN_ADDRESS=0.0.0.0"));
  const spool = the("VOLUME");
  assert.ok(instructions.includes(`ENV JOBRUNNER_SPOOL_DIR=${spool}`));
  // A volume gets owner and mode of the folder in the image, as it was before VOLUME.
  const made = instructions.findIndex((line) =>
    /^RUN install .*--owner=10001 .*--mode=0700 /.test(line) && line.endsWith(` ${spool}`)
  );
  assert.ok(made >= 0 && made < instructions.indexOf(`VOLUME ${spool}`));
  assert.ok(!instructions.some((line) => line.startsWith("ENV JOBRUNNER_PASSWORD=")));
});
