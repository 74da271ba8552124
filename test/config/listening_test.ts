import assert from "node:assert/strict";
import { configOf, configure, type Disk, errorsOf, errorsOrNone } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("JOBRUNNER_HTTP_LISTEN_ADDRESS accepts IPv4, IPv6 with or without brackets, and host names", () => {
  const address = (text: string) =>
    configOf({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: text, JOBRUNNER_PASSWORD: "x" }).http.address;
  assert.equal(address("::1"), "::1");
  assert.equal(address("[::1]"), "::1");
  assert.equal(address("0.0.0.0"), "0.0.0.0");
  assert.equal(address("my-host.example"), "my-host.example");
  for (const bad of ["127.0.0.256", "1.2.3", "::g", "a..b", "-a", "host:80", "[host]"]) {
    assert.equal(errorsOf({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: bad }).length, 1, bad);
  }
});

Deno.test("JOBRUNNER_HTTP_LISTEN_ADDRESS beyond loopback needs a password or JOBRUNNER_ALLOW_OPEN=on", () => {
  const listening = (address: string, env: Record<string, string> = {}) =>
    errorsOrNone({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: address, ...env });
  for (
    const address of [
      "",
      "127.0.0.1",
      "127.255.0.3",
      "::1",
      "[::1]",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
      "localhost",
      "LOCALHOST.",
    ]
  ) assert.deepEqual(listening(address), [], address);
  const beyond = [
    "0.0.0.0",
    "::",
    "192.0.2.7",
    "128.0.0.1",
    "::ffff:192.0.2.7",
    "::127.0.0.1",
    "fe80::1%lo",
    "127.example.com",
    "localhost.example.com",
    "a.localhost",
    "my-host",
  ];
  for (const address of beyond) {
    assert.deepEqual(listening(address), [
      `JOBRUNNER_HTTP_LISTEN_ADDRESS=${address}: must be on loopback while neither a password nor a token is set, since anyone who can reach it could run jobs: set JOBRUNNER_PASSWORD_FILE or JOBRUNNER_TOKENS_FILE, listen on 127.0.0.1, or set JOBRUNNER_ALLOW_OPEN=on`,
    ]);
    assert.deepEqual(listening(address, { JOBRUNNER_PASSWORD: "x" }), []);
    assert.deepEqual(listening(address, { JOBRUNNER_ALLOW_OPEN: "on" }), []);
  }
  assert.equal(listening("0.0.0.0", { JOBRUNNER_ALLOW_OPEN: "off" }).length, 1);
  assert.deepEqual(listening("0.0.0.0", { JOBRUNNER_ALLOW_OPEN: "ON" }), [
    "JOBRUNNER_ALLOW_OPEN=ON: must be on or off",
  ]);
  assert.match(
    errorsOf(cmd, ["--http-listen-address", "::"])[0] ?? "",
    /^--http-listen-address=::: /,
  );
  assert.equal(
    listening("0.0.0.0", { JOBRUNNER_PASSWORD: "\r\n" }).length,
    1,
    "an empty password is not a password",
  );
  // A wrong password is reported as such, not as a missing one; a wrong address does not need one.
  const [wrong, ...more] = listening("0.0.0.0", { JOBRUNNER_PASSWORD_FILE: "/missing" });
  assert.match(wrong ?? "", /^JOBRUNNER_PASSWORD_FILE=/);
  assert.deepEqual(more, []);
  assert.equal(listening("not an address").length, 1);
  assert.equal(listening("not an address", { JOBRUNNER_ALLOW_OPEN: "maybe" }).length, 2);
});

Deno.test("JOBRUNNER_ALLOWED_HOSTS accepts host names, addresses and *.domain, and nothing else", () => {
  const names = (text: string, address = "") =>
    configOf({
      ...cmd,
      JOBRUNNER_ALLOWED_HOSTS: text,
      JOBRUNNER_HTTP_LISTEN_ADDRESS: address,
      JOBRUNNER_ALLOW_OPEN: "on",
    }).http.hostNames;
  assert.deepEqual(names(""), ["127.0.0.1"]);
  assert.deepEqual(names("", "My-Host."), ["my-host"]);
  assert.deepEqual(names("", "::"), []);
  assert.deepEqual(
    names(" Jobs.Example.com ,*.svc.Example., job_runner,, 10.0.0.1,::1,[::2],bücher.de"),
    [
      "127.0.0.1",
      "jobs.example.com",
      ".svc.example",
      "job_runner",
      "10.0.0.1",
      "::1",
      "::2",
      "xn--bcher-kva.de",
    ],
  );
  const wrong = [
    ...["*", "a.*", "*a", "*.", "*.*.a", "*.10.0.0.1", ".a", "a..b", "-", "a-", "-.a", "a.-b"],
    ...["a:80", "[::1]:8", "a b", "a/b", "a;b", "a@b", "%61", "a?b", "1.2.3.256"],
  ];
  for (const bad of wrong) {
    assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_ALLOWED_HOSTS: `good,${bad}` }), [
      `JOBRUNNER_ALLOWED_HOSTS=good,${bad}: must be host names without ports, separated by commas, such as jobs.example.com,*.example.net (${bad} is not one)`,
    ]);
  }
});

Deno.test("parseConfig() reports an error of an address or a host name in one line, without a password in it", () => {
  for (const name of ["JOBRUNNER_ALLOWED_HOSTS", "JOBRUNNER_HTTP_LISTEN_ADDRESS"]) {
    for (
      const value of [
        "a\nb",
        "https://user:hunter2@jobs.example.com",
        "user:hunter2@jobs.example.com",
        "https://hunter2@jobs.example.com/?key=hunter2",
        "a\nhttps://hunter2@jobs.example.com",
      ]
    ) {
      const [error = "", ...more] = errorsOf({ ...cmd, [name]: value });
      assert.deepEqual(more, []);
      assert.doesNotMatch(error, /\n|hunter2/);
    }
  }
  const folder: Disk = { "/dev/a\nb": "folder" };
  assert.doesNotMatch(
    errorsOf({ ...cmd, JOBRUNNER_SPOOL_DIR: "/dev/a\nb" }, [], folder).join(),
    /\n/,
  );
});

const socketAt = (path: string, env: Record<string, string> = {}) => {
  const { http } = configOf({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: `unix:${path}`, ...env });
  return http;
};

Deno.test("JOBRUNNER_HTTP_LISTEN_ADDRESS=unix:PATH is a socket, which needs no password and has the mode of JOBRUNNER_SOCKET_MODE", () => {
  const { address, socket, socketMode, hostNames } = socketAt("/run/http.sock");
  assert.equal(address, "unix:/run/http.sock");
  assert.deepEqual(socket, {
    path: "/run/http.sock",
    opened: "/run/http.sock.new/s",
  });
  assert.equal(socketMode, 0o660);
  assert.deepEqual(hostNames, []);
  assert.equal(socketAt("a b,ü.sock").socket?.path, "/work/a b,ü.sock");
  assert.equal(socketAt("../x/./y").socket?.path, "/x/y");
  for (const [text, mode] of [["0600", 0o600], ["666", 0o666], ["0000", 0]] as const) {
    assert.equal(socketAt("/s", { JOBRUNNER_SOCKET_MODE: text }).socketMode, mode);
  }
});

Deno.test("JOBRUNNER_HTTP_LISTEN_ADDRESS=unix:PATH needs the path of a file of at most 100 bytes, and a mode in octal", () => {
  const sentence = (env: Record<string, string>, os = "linux") => {
    const result = configure({ ...cmd, ...env }, { around: { os } });
    return result.ok ? "" : result.errors.join("\n");
  };
  const at = (path: string) => ({ JOBRUNNER_HTTP_LISTEN_ADDRESS: `unix:${path}` });
  const longest = `/${"ü".repeat(49)}a`;
  assert.equal(sentence(at(longest)), "");
  assert.match(
    sentence(at(`${longest}a`)),
    /^JOBRUNNER_HTTP_LISTEN_ADDRESS=unix:\S+: must be .* \(the absolute path has 101 bytes, and may have 100\)$/,
  );
  for (const path of ["", "/", "/run/", "/a\nb"]) {
    assert.match(sentence(at(path)), /\(the path must be that of a file, without control char/);
  }
  assert.match(sentence(at("/s"), "windows"), /\(there are no unix sockets on Windows\)$/m);
  for (const mode of ["8", "0o660", "0778", "1660", "00660", "rw", "-1"]) {
    assert.equal(
      sentence({ JOBRUNNER_SOCKET_MODE: mode }),
      `JOBRUNNER_SOCKET_MODE=${mode}: must be an octal mode, such as 0660 (in a file: "0660")`,
    );
  }
});

Deno.test("JOBRUNNER_TLS_CERT_FILE must be left out for a unix socket", () => {
  const pem = new TextEncoder().encode("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----");
  const result = configure({
    ...cmd,
    JOBRUNNER_HTTP_LISTEN_ADDRESS: "unix:/s",
    JOBRUNNER_TLS_CERT_FILE: "/pem",
    JOBRUNNER_TLS_KEY_FILE: "/pem",
  }, { around: { readFile: () => pem } });
  assert.deepEqual(result.ok ? [] : result.errors, [
    "JOBRUNNER_TLS_CERT_FILE=/pem: must be left out while the server listens on a unix socket, which has no TLS",
  ]);
});

Deno.test("JOBRUNNER_TRUSTED_PROXIES accepts the word unix beside networks", () => {
  const { trustedProxies } = socketAt("/s", { JOBRUNNER_TRUSTED_PROXIES: "unix, 10.0.0.0/8" });
  assert.deepEqual(trustedProxies, ["unix", "10.0.0.0/8"]);
});
