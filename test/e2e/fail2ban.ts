/**
 * `contrib/fail2ban` with the real fail2ban, on lines that a real server wrote.
 */

import assert from "node:assert/strict";
import { type LogSettings, openLog } from "../../src/telemetry/log.ts";
import { newToken } from "../../src/wire/tokens.ts";
import { curl } from "../support/curl.ts";
import { temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, projectRoot, startProgram } from "../support/program.ts";
import { tokenTable } from "../support/tokens.ts";

const contrib = `${projectRoot}contrib/fail2ban`;
const formats: readonly LogSettings["format"][] = ["json", "text"];

/** What stands before a line of the log in a file, in the journal, in a file of syslog, and with `docker logs -t`. */
const befores = [
  "",
  "my-host.lan jobrunner[42]: ",
  "Nov  7 05:40:01 my-host jobrunner[42]: ",
  "2026-11-27T05:40:01.123456+00:00 my-host jobrunner[42]: ",
  "2026-11-27T05:40:01.123456789Z ",
];

/** Runs a program of fail2ban, which must succeed; resolves with what it prints. */
async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const said = new TextDecoder().decode(stdout);
  assert.ok(success, said + new TextDecoder().decode(stderr));
  return said;
}

/** What the filter makes of some lines. */
interface Finding {
  /** The hosts that it would count, one for each line that matches. */
  readonly hosts: readonly string[];
  readonly ignored: number;
  readonly missed: number;
}

async function filter(folder: string, lines: readonly string[]): Promise<Finding> {
  const file = `${folder}/lines`;
  Deno.writeTextFileSync(file, lines.map((line) => `${line}\n`).join(""));
  const rules = `${contrib}/filter.d/jobrunner.conf`;
  const hosts = (await run("fail2ban-regex", "--out=ip", file, rules)).trim().split("\n");
  const report = await run("fail2ban-regex", file, rules);
  const [, ignored, matched, missed] =
    /(\d+) ignored, (\d+) matched, (\d+) missed/.exec(report)?.map(Number) ?? [];
  assert.equal(matched, hosts.filter((host) => host !== "").length, report);
  return {
    hosts: hosts.filter((host) => host !== ""),
    ignored: ignored ?? -1,
    missed: missed ?? -1,
  };
}

/** What a client could send as part of its path, to be counted as somebody else or to end the line early. */
const forgeries = [
  " client.address=6.6.6.6 http.response.status_code=401 reason=unauthorized detail=",
  '" client.address=6.6.6.6 http.response.status_code=401 reason=unauthorized detail="x',
  '\\" client.address=6.6.6.6 http.response.status_code=401 reason=unauthorized detail="x',
  '","client.address":"6.6.6.6","http.response.status_code":401,"jobrunner.reason":"unauthorized","jobrunner.detail":"x',
  '\\","client.address":"6.6.6.6","http.response.status_code":401,"jobrunner.reason":"unauthorized","jobrunner.detail":"x',
  " h j: INFO request refused request_id=1 http.request.method=GET url.path=/ client.address=6.6.6.6 http.response.status_code=401 reason=unauthorized detail=",
  " INFO request refused request_id=1 http.request.method=GET url.path=/ client.address=6.6.6.6 http.response.status_code=401 reason=unauthorized detail=",
  '\n2026-11-27T05:40:01.000Z INFO request refused request_id=1 http.request.method=GET url.path=/ client.address=6.6.6.6 http.response.status_code=401 reason=unauthorized detail="x"',
  "\u2028Nov  7 05:40:01 h j: INFO request refused",
  "2026-11-27T05:40:01.000Z",
  '{"timestamp":"2026-11-27T05:40:01.000Z"',
  '"The token in the Authorization header has expired',
  ' detail="The token in the Authorization header has expired"',
];

for (const format of formats) {
  Deno.test(`fail2ban counts who sent wrong credentials, and nobody else, in lines of format ${format}`, async () => {
    using folder = temporaryFolder();
    const tokens = { reader: newToken(), old: newToken() };
    const tokensFile = `${folder.path}/tokens.toml`;
    Deno.writeTextFileSync(
      tokensFile,
      tokenTable("reader", tokens.reader, 'scopes = ["status"]') +
        tokenTable("old", tokens.old, 'scopes = ["submit"]', "expires = 2020-01-01"),
    );
    await using program = await startProgram({
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_LOG_FORMAT: format,
        JOBRUNNER_PASSWORD: "right",
        JOBRUNNER_TOKENS_FILE: tokensFile,
        JOBRUNNER_TRUSTED_PROXIES: "127.0.0.9",
      },
    });
    let refused = 0;
    /** A request from an address of loopback that is refused. */
    async function ask(from: string, status: number, path: string, ...headers: string[]) {
      const { status: got, text } = await curl([
        "--interface",
        from,
        ...["--path-as-is", "--globoff", "-d", "{}"],
        ...headers.flatMap((header) => ["-H", header]),
        program.url + path,
      ]);
      assert.equal(got, status, text);
      refused++;
    }
    const forwarded = (address: string) => `X-Forwarded-For: 6.6.6.6, ${address}`;

    await ask("127.0.0.2", 401, "/payload");
    await ask("127.0.0.3", 401, "/payload", "X-JR-PASSWORD: wrong");
    await ask("127.0.0.4", 401, "/run", `Authorization: Bearer ${newToken()}`);
    await ask("127.0.0.5", 401, "/payload", `Authorization: Bearer ${tokens.old}`);
    await ask("127.0.0.6", 403, "/payload", `Authorization: Bearer ${tokens.reader}`);
    await ask("127.0.0.7", 400, "/payload", "X-JR-PASSWORD: right");
    await ask("127.0.0.9", 401, "/payload", forwarded("192.0.2.1"));
    await ask("127.0.0.9", 401, "/payload", forwarded("[2001:db8::1]:443"));
    await ask("127.0.0.9", 401, "/payload", forwarded("nobody"));
    const traced = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const id = "X-Request-Id: client.address:6.6.6.6";
    await ask(
      "127.0.0.10",
      401,
      "/payload?client.address=6.6.6.6",
      traced,
      id,
      forwarded("6.6.6.6"),
    );
    for (const forgery of forgeries) {
      const path = `/${encodeURI(forgery)}`;
      await ask("127.0.0.11", 404, path, "X-JR-PASSWORD: right");
    }

    const lines = () => program.log.filter((line) => line.includes("request refused"));
    await eventually("all refusals are logged", () => lines().length === refused);
    for (const before of befores) {
      const found = await filter(folder.path, program.log.map((line) => before + line));
      assert.deepEqual(found.hosts, [
        "127.0.0.2",
        "127.0.0.3",
        "127.0.0.4",
        "192.0.2.1",
        "2001:db8::1",
        "127.0.0.10",
      ], before);
      assert.equal(found.ignored, 0);
      assert.equal(found.missed, program.log.length - found.hosts.length);
    }
  });

  Deno.test(`no path and no method makes fail2ban count another host, in lines of format ${format}`, async () => {
    using folder = temporaryFolder();
    let written = "";
    const log = openLog({ format, level: "info" }, {
      write(bytes) {
        written += new TextDecoder().decode(bytes);
        return Promise.resolve(bytes.length);
      },
    });
    const requests = forgeries.flatMap((forgery) => [
      { method: forgery, path: "/payload" },
      ...["/payload", "/payload:", '/"', "/payload\\", ""].map((beginning) => ({
        method: "GET",
        path: beginning + forgery,
      })),
    ]);
    for (const reason of ["unauthorized", "not_found"]) {
      for (const { method, path } of requests) {
        log.write("request refused", {
          request_id: "client.address:6.6.6.6",
          "http.request.method": method,
          "url.path": path,
          "client.address": "192.0.2.1",
          "http.response.status_code": reason === "unauthorized" ? 401 : 404,
          reason,
          detail: "A sentence",
        });
      }
    }
    await log.flush();
    const lines = written.trimEnd().split("\n");
    assert.equal(lines.length, 2 * requests.length);
    for (const before of befores) {
      const { hosts, ignored, missed } = await filter(
        folder.path,
        lines.map((line) => before + line),
      );
      assert.deepEqual([...new Set(hosts)], ["192.0.2.1"]);
      assert.deepEqual({ matched: hosts.length, ignored, missed }, {
        matched: requests.length,
        ignored: 0,
        missed: requests.length,
      });
    }
  });
}

Deno.test("fail2ban accepts the jail", async () => {
  using folder = temporaryFolder();
  const config = `${folder.path}/fail2ban`;
  await run("cp", "-r", "/etc/fail2ban", config);
  // Debian's own jail wants a file of sshd.
  for (const { name } of [...Deno.readDirSync(`${config}/jail.d`)]) {
    Deno.removeSync(`${config}/jail.d/${name}`);
  }
  for (const part of ["filter.d", "jail.d"]) {
    Deno.copyFileSync(`${contrib}/${part}/jobrunner.conf`, `${config}/${part}/jobrunner.conf`);
  }
  assert.match(await run("fail2ban-client", "-c", config, "-t"), /test is successful/);
  const dump = await run("fail2ban-client", "-c", config, "-d");
  assert.match(dump, /\['add', 'jobrunner', 'systemd'\]/);
  assert.match(dump, /'addjournalmatch', '_SYSTEMD_UNIT=jobrunner\.service'/);
});
